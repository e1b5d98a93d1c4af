// When something that failed for a cause that may pass is tried again: soon, then ever later, as policy says.
import type { Policy } from '../../schema/registry-types.js';
import { durationMs } from './durations.js';

/** `5s…5m`, or one duration for both ends. undefined: it is none, or begins beyond its end. */
export function readBackoff(written: number | string): Policy['backoff'] | undefined {
  const ends = typeof written === 'number' ? [written] : written.split(/…|\.\.\.|\.\.|-/);
  const [firstMs, mostMs = firstMs] = ends.map(durationMs);
  if (ends.length > 2 || firstMs === undefined || mostMs === undefined || firstMs > mostMs) return undefined;
  return { firstMs, mostMs };
}

/**
 * How long the next try waits after so many failures (1: the first). The tries that policy grants come ever later; who
 * has used them up waits for the longest time each time: nothing is given up for good that may pass by itself.
 */
export function waitAfter({ retries, backoff }: Pick<Policy, 'retries' | 'backoff'>, failures: number): number {
  return failures > retries ? backoff.mostMs : Math.min(backoff.mostMs, backoff.firstMs * 2 ** (failures - 1));
}
