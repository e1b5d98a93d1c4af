// When each placement's health is asked for: its own pace, and together with what the same exec serves anyway.
import { type HealthRecord, newHealth } from '../core/health.js';
import type { Checked } from './look-checks.js';
import { around, spread } from './spread.js';

/** Intervals vary by that part, so that checks of one pace do not stay in step. */
const jitterPart = 0.1;
/** What a machine's exec serves anyway is taken along when it is due within that part of its interval. */
const takeAlongPart = 0.25;
/** The first look at a placement comes within that. */
const firstWithinMs = 2000;

export interface Watch {
  placement: Checked;
  record: HealthRecord;
  /** By the monotonic clock; Infinity: paused or suspended. */
  dueAt: number;
  rounds: number;
  /** The round that is being asked; another number in its answer means that it is outdated. */
  asking: number | undefined;
  /** Wants the machine's exec. */
  exec: boolean;
}

export function newWatch(placement: Checked, now: number, monotonicNow: number): Watch {
  const firstMs = spread(placement.key) * Math.min(firstWithinMs, placement.spec.health.intervalMs);
  return {
    placement,
    record: newHealth(now),
    dueAt: monotonicNow + firstMs,
    rounds: 0,
    asking: undefined,
    exec: false,
  };
}

/** Nothing is asked until further notice, and what is being asked is outdated. */
export function hold(watch: Watch): void {
  watch.dueAt = Infinity;
  watch.asking = undefined;
}

export function askAtOnce(watch: Watch, now: number): void {
  watch.dueAt = now;
  watch.asking = undefined;
}

export function nextDelayMs({ placement, rounds }: Watch): number {
  return around(placement.spec.health.intervalMs, jitterPart, `${placement.key} ${rounds}`);
}

/** A round that has not come to its end is not begun again: it is left out until the next time. */
export function dueNow(all: readonly Watch[], now: number): readonly Watch[] {
  const due = all.filter(watch => watch.dueAt <= now);
  const late = due.filter(watch => watch.asking !== undefined);
  for (const watch of late) watch.dueAt = now + nextDelayMs(watch);
  const ready = due.filter(watch => watch.asking === undefined);
  if (!ready.some(watch => watch.exec)) return ready;
  const soon = (watch: Watch) => watch.dueAt - now <= takeAlongPart * watch.placement.spec.health.intervalMs;
  const along = all.filter(watch => watch.exec && watch.asking === undefined && watch.dueAt > now && soon(watch));
  return [...ready, ...along];
}
