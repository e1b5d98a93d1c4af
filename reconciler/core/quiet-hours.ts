// Quiet hours of a destination: whether an instant lies in them, and when to ask again. A pure function of both.
import type { QuietHours } from '../../schema/notify.js';

const dayMinutes = 24 * 60;
const minuteMs = 60_000;

/** `22:00-07:00` in a zone; undefined: it would never end, or never begin. */
export function parseQuietHours(written: string, zone: string): QuietHours | undefined {
  const [from = 0, to = 0] = written.split('-').map(time => {
    const [hours = 0, minutes = 0] = time.trim().split(':').map(Number);
    return hours * 60 + minutes;
  });
  return from === to ? undefined : { from, to, zone };
}

/** Minutes since midnight, as the clocks of that zone show them. */
function minutesIn(zone: string, at: number): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const [hours = 0, minutes = 0] = format.format(at).split(':').map(Number);
  return hours * 60 + minutes;
}

export function isQuiet(quiet: QuietHours | undefined, at: number): boolean {
  if (quiet === undefined) return false;
  const { from, to, zone } = quiet;
  const now = minutesIn(zone, at);
  return from < to ? from <= now && now < to : from <= now || now < to;
}

/** In how many milliseconds to ask again whether they are over; at most half an hour: clocks are changed at night. */
export function quietForMs({ to, zone }: QuietHours, at: number): number {
  const minutes = (to - minutesIn(zone, at) + dayMinutes) % dayMinutes;
  return Math.min(30 * minuteMs, Math.max(1, minutes) * minuteMs - (at % minuteMs));
}
