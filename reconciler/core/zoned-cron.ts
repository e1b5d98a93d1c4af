// Times of a cron expression in a time zone, one after the other (croner): days on which the clock is changed have them too.
import { createRequire } from 'node:module';
import type * as croner from 'croner';

function open(cron: string, zone: string): croner.Cron {
  const { Cron } = createRequire(import.meta.url)('croner') as typeof croner;
  // `5/20`, as crontab(5) has it, and nothing is ever started: it is only asked for times.
  return new Cron(cron, { timezone: zone, sloppyRanges: true, paused: true });
}

/**
 * The first time after an instant, both in milliseconds since 1970; undefined: there is none (30 February). A local time
 * that the clock skips stands for the moment of the change; one that it has twice stands for the first.
 */
export function nextTime(cron: string, zone: string, afterMs: number): number | undefined {
  return open(cron, zone).nextRun(new Date(afterMs))?.getTime();
}

/** Whether there are such times at all, for a text that has the form of a cron expression. */
export function hasTimes(cron: string): boolean {
  try {
    return nextTime(cron, 'UTC', 0) !== undefined;
  } catch (error) {
    // A step beyond the range of its field.
    if (error instanceof TypeError || error instanceof RangeError) return false;
    throw error;
  }
}

/** A name of the time zone database, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** `2026-11-28 22:00 Europe/Berlin`. */
export function timeIn(zone: string, at: number): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  return `${format.format(at)} ${zone}`;
}
