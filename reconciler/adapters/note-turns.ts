// Whose turn it is to change a document: those of this process queue, those of others are kept out by a lock of the operating system.
import { AppError, asAppError } from '../../schema/errors.js';
import { takeLockWithin } from './state-lock.js';

async function locked(path: string, patienceMs: number): Promise<() => Promise<void>> {
  try {
    return await takeLockWithin(path, patienceMs);
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code !== 'state-dir-busy') throw thrown;
    throw new AppError('state-note-busy', error.message, { cause: thrown });
  }
}

/** Does the work alone; `path`: of the lock. Throws `state-note-busy`, naming the process that holds it for so long. */
export function openNoteTurns(patienceMs: number): (path: string, work: () => Promise<void>) => Promise<void> {
  const lasts = new Map<string, Promise<void>>();

  async function alone(path: string, work: () => Promise<void>): Promise<void> {
    const release = await locked(path, patienceMs);
    try {
      await work();
    } finally {
      await release();
    }
  }

  return async (path, work) => {
    const mine = (lasts.get(path) ?? Promise.resolve()).then(() => alone(path, work));
    lasts.set(
      path,
      mine.catch(() => undefined),
    );
    await mine;
  };
}
