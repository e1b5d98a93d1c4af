// A clock whose time stands still until a test moves it; sleepers wake in order, and what they do then happens before time goes on.
import { AppError } from '../../schema/errors.js';
import type { Clock } from '../../reconciler/ports.js';

export interface FakeClock extends Clock {
  /** Moves time; resolves when all that the woken did, as far as it needs no more time, is done. */
  advance(ms: number): Promise<void>;
  /** Instants (of `monotonic`) at which somebody wakes, ascending. */
  wakesAt(): readonly number[];
}

/** Lets promises that wait for nothing but each other run to their end. */
export async function settlePromises(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise(resolve => setImmediate(resolve));
}

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

export function createFakeClock(startAt = 1_700_000_000_000): FakeClock {
  let elapsedMs = 0;
  const sleepers = new Set<Sleeper>();
  const next = () => [...sleepers].sort((one, other) => one.wakeAt - other.wakeAt)[0];

  async function advance(ms: number): Promise<void> {
    const until = elapsedMs + ms;
    await settlePromises();
    for (let sleeper = next(); sleeper !== undefined && sleeper.wakeAt <= until; sleeper = next()) {
      elapsedMs = Math.max(elapsedMs, sleeper.wakeAt);
      sleeper.wake();
      await settlePromises();
    }
    elapsedMs = until;
  }

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const interrupted = () => new AppError('interrupted', 'a wait was interrupted');
      if (signal?.aborted === true) return reject(interrupted());
      const abort = () => {
        sleepers.delete(sleeper);
        reject(interrupted());
      };
      const wake = () => {
        sleepers.delete(sleeper);
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper: Sleeper = { wakeAt: elapsedMs + Math.max(0, ms), wake };
      sleepers.add(sleeper);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  return {
    now: () => startAt + elapsedMs,
    monotonic: () => elapsedMs,
    sleep,
    advance,
    wakesAt: () => [...sleepers].map(sleeper => sleeper.wakeAt).sort((one, other) => one - other),
  };
}
