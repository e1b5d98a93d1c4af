// Waits for a condition, never for a time; says what it waited for, and what there was, when its patience ends.
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 60_000;

export async function until(
  what: string,
  met: () => boolean | Promise<boolean>,
  tell: () => string = () => '',
): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await met())) {
    if (performance.now() > end) throw new Error(`waited ${patienceMs / 1000} s until ${what}\n${tell()}`);
    await sleep(50);
  }
}
