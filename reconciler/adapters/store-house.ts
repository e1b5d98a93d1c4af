// Keeps house in the database: counts samples, and clears what is older than it is kept.
import type { Clock, Log } from '../ports.js';
import { clearBefore, clearDeliveries } from './store-clear.js';
import type { Database } from './store-database.js';
import { tidySamples } from './store-samples.js';

export interface House {
  isDue(): boolean;
  /**
   * Beside what is written, which does not wait for it. What fails is told, and tried again the next time: it is no reason
   * to write nothing there. Throws only when the database does not answer any more.
   */
  keep(of: Database): Promise<void>;
}

const partMs = 60_000;
const everyMs = 300_000;
const dayMs = 86_400_000;
const keptDays = 366;

/** `signal`: nothing more is begun after that. */
export function openHouse({ clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal }): House {
  const options = { limitMs: partMs, signal };
  let keptAt = Number.NEGATIVE_INFINITY;
  let clearedAt = Number.NEGATIVE_INFINITY;

  async function clear(of: Database): Promise<void> {
    if (clock.monotonic() - clearedAt < dayMs) return;
    await clearBefore(of, clock.now() - keptDays * dayMs, options);
    clearedAt = clock.monotonic();
  }

  /** What has arrived, also late, is counted before anything of it is cleared. One that fails keeps no other from its turn. */
  async function keep(of: Database): Promise<void> {
    keptAt = clock.monotonic();
    const steps = [
      () => tidySamples(of, clock.now(), options),
      () => clearDeliveries(of, clock.now(), options),
      () => clear(of),
    ];
    let err: unknown;
    for (const step of steps) await step().catch((thrown: unknown) => (err ??= thrown));
    if (err === undefined || signal.aborted) return;
    await of.query('select 1');
    log.warn({ err }, 'the database could not be tidied; it is tried again');
  }

  return { isDue: () => clock.monotonic() - keptAt >= everyMs, keep };
}
