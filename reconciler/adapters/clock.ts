// The clock of this machine.
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '../../schema/errors.js';
import type { Clock } from '../ports.js';

/** Node fires a longer timer at once (timers: "delay larger than 2147483647 is set to 1"). */
const longestTimerMs = 2 ** 31 - 1;

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  for (let leftMs = Math.max(0, ms); ; leftMs -= longestTimerMs) {
    try {
      await wait(Math.min(leftMs, longestTimerMs), undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw new AppError('interrupted', 'a wait was interrupted', { cause });
    }
    if (leftMs <= longestTimerMs) return;
  }
}

/** `sleep` rejects with `interrupted` when its signal fires, and leaves no timer then. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
};
