// Waits for a condition, never for a time; says what it waited for, and what there was, when its patience ends.
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 60_000;

export async function until(
  what: string,
  met: () => boolean | Promise<boolean>,
  tell: () => string = () => '',
  /** More for what comes by itself only once a minute. */
  waitMs = patienceMs,
): Promise<void> {
  const end = performance.now() + waitMs;
  while (!(await met())) {
    if (performance.now() > end) throw new Error(`waited ${waitMs / 1000} s until ${what}\n${tell()}`);
    await sleep(50);
  }
}
