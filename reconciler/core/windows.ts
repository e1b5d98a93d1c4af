// `policy.windows`: whether changes may be applied at an instant, and else when they may. A pure function of both.
import type { Window } from '../../schema/registry-types.js';
import { nextTime, timeIn } from './zoned-cron.js';

export type Opening =
  | { readonly open: true }
  /** `until`: milliseconds since 1970; absent: not within a year. */
  | { readonly open: false; readonly why: string; readonly until?: number };

const yearMs = 366 * 24 * 3_600_000;
/** Windows that follow each other without a gap are walked through up to so many. */
const longestWalk = 1000;

/** The end of a window that is open then; it begins at its time, and is over at its end. */
function endOf(window: Window, at: number): number | undefined {
  const begin = nextTime(window.cron, window.zone, at - window.lastsMs);
  return begin === undefined || begin > at ? undefined : begin + window.lastsMs;
}

/** What stands in the way then: undefined: nothing. `next`: when to ask again; absent: never. */
function obstacleAt(
  windows: readonly Window[],
  at: number,
): { readonly by: Window; readonly next?: number } | undefined {
  for (const window of windows.filter(one => one.kind === 'deny')) {
    const end = endOf(window, at);
    if (end !== undefined) return { by: window, next: end };
  }
  const allowing = windows.filter(one => one.kind === 'allow');
  const [first] = allowing;
  if (first === undefined || allowing.some(window => endOf(window, at) !== undefined)) return undefined;
  const begins = allowing.flatMap(window => nextTime(window.cron, window.zone, at) ?? []);
  return begins.length === 0 ? { by: first } : { by: first, next: Math.min(...begins) };
}

/** The first instant from then on at which nothing stands in the way. */
function openingAfter(windows: readonly Window[], now: number): number | undefined {
  let at: number | undefined = now;
  for (let walked = 0; walked < longestWalk && at !== undefined && at - now <= yearMs; walked += 1) {
    const obstacle = obstacleAt(windows, at);
    if (obstacle === undefined) return at;
    at = obstacle.next;
  }
  return undefined;
}

/** Denying windows win; where one allows, nothing is applied outside of those that allow. No windows: always. */
export function judgeWindows(windows: readonly Window[], now: number): Opening {
  const obstacle = obstacleAt(windows, now);
  if (obstacle === undefined) return { open: true };
  const what = obstacle.by.kind === 'deny' ? 'policy.windows denies it' : 'it is outside of policy.windows';
  const until = openingAfter(windows, now);
  if (until === undefined) return { open: false, why: `${what}, and nothing is allowed within a year` };
  return { open: false, why: `${what} until ${timeIn(obstacle.by.zone, until)}`, until };
}
