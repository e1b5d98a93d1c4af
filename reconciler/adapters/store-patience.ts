// How long one batch may be on its way to a slow database: until too many records wait behind it.
import { AppError } from '../../schema/errors.js';

export interface Patience {
  /** As `writing`, one at a time; throws `store-away` when it is given up. What was given up may still be kept there, and comes again. */
  during(writing: Promise<void>): Promise<void>;
  /** Gives up what is on its way, if anything is. */
  end(): void;
}

export function openPatience(): Patience {
  let giveUp: ((why: AppError) => void) | undefined;
  return {
    during: async writing => {
      try {
        await Promise.race([writing, new Promise<never>((_, reject) => (giveUp = reject))]);
      } finally {
        giveUp = undefined;
      }
    },
    end: () => giveUp?.(new AppError('store-away', 'the database is slower than what happens, which waits on disk')),
  };
}
