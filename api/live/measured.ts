// What was measured of machines: the last of each first, then each as it comes.
import { AppError } from '../../schema/errors.js';
import type { Measurement } from '../../schema/samples.js';
import type { Subscriber } from './connection.js';
import type { Write } from './shared.js';

export interface Measured {
  hear(measurement: Measurement): void;
  /** Throws what reading history throws, but that it is away. */
  follow(ask: { readonly machine?: string }, to: Subscriber): Promise<void>;
}

/** What is older says nothing of now. */
const freshMs = 24 * 3_600_000;

const isAway = (thrown: unknown): boolean =>
  thrown instanceof AppError && (thrown.code === 'store-away' || thrown.code === 'store-none');

export function openMeasured(write: Write, read: (to: Subscriber) => Promise<readonly Measurement[]>): Measured {
  const last = new Map<string, Measurement>();
  const followers = new Map<Subscriber, string | undefined>();

  async function kept(to: Subscriber): Promise<readonly Measurement[]> {
    try {
      return await read(to);
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown;
      to.send(write({ type: 'history', kept: false, why: (thrown as AppError).message }));
      return [];
    }
  }

  return {
    hear: measurement => {
      last.set(measurement.machine, measurement);
      for (const { machine, at } of last.values()) if (at < measurement.at - freshMs) last.delete(machine);
      const message = write({ type: 'sample', measurement });
      for (const [to, machine] of followers)
        if (machine === undefined || machine === measurement.machine) to.send(message);
    },
    follow: async ({ machine }, to) => {
      const newest = new Map((await kept(to)).map(one => [one.machine, one]));
      for (const one of last.values()) if (one.at >= (newest.get(one.machine)?.at ?? 0)) newest.set(one.machine, one);
      if (to.signal.aborted) return;
      followers.set(to, machine);
      to.signal.addEventListener('abort', () => followers.delete(to), { once: true });
      for (const one of newest.values())
        if (machine === undefined || machine === one.machine) to.send(write({ type: 'sample', measurement: one }));
    },
  };
}
