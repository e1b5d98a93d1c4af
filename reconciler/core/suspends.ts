// Suspends by command, as they stand in a machine's state folder beside the stamps: as text, and which are in force.
import type { LiveState, MachineSeen, Suspend } from '../../schema/state.js';
import { optional } from './optional.js';
import { timeIn } from './zoned-cron.js';

const header = 'portoser-suspend 1';

/** Name of the file that suspends the whole machine; no service is called so. */
export const wholeMachine = '_machine';

/** All lines but those that the machine's own clock decides (`at`, `until`) and the last (`end`). */
export function suspendHead(name: string, reason: string, by: string): readonly string[] {
  const where = name === wholeMachine ? 'machine' : `service ${name}`;
  return [header, where, `reason ${JSON.stringify(reason)}`, `by ${JSON.stringify(by)}`];
}

function asText(json: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(json ?? '');
    return typeof value === 'string' ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** undefined: cut short, or not ours. Unknown rows are of a newer version and are passed over. */
function parseSuspend(rows: readonly string[]): Suspend | undefined {
  const end = rows.indexOf('end');
  if (rows[0] !== header || end < 0) return undefined;
  const values = new Map(
    rows.slice(1, end).map(row => {
      const space = row.indexOf(' ');
      return space < 0 ? [row, ''] : [row.slice(0, space), row.slice(space + 1)];
    }),
  );
  const [service, reason, by] = [values.get('service'), asText(values.get('reason')), asText(values.get('by'))];
  const [at, until] = [values.get('at'), values.get('until')].map(one => (one === undefined ? undefined : Number(one)));
  const known = values.has('machine') || service !== undefined;
  if (!known || reason === undefined || by === undefined || at === undefined || Number.isNaN(at)) return undefined;
  if (until !== undefined && Number.isNaN(until)) return undefined;
  return { ...optional('service', service), reason, by, at, ...optional('until', until) };
}

/** Several, printed one after the other, as `cat` gives them. */
export function parseSuspends(lines: readonly string[]): readonly Suspend[] {
  const starts = lines.flatMap((line, index) => (line === header ? [index] : []));
  return starts.flatMap((start, index) => parseSuspend(lines.slice(start, starts[index + 1] ?? lines.length)) ?? []);
}

const inForceOn = (seen: MachineSeen): readonly Suspend[] =>
  (seen.suspends ?? []).filter(one => one.until === undefined || one.until > seen.facts.clock);

/** In force for that service by its name, whatever is said of the whole machine. */
export const suspendByName = (seen: MachineSeen, service: string): Suspend | undefined =>
  inForceOn(seen).find(one => one.service === service);

/** In force for a service on that machine (the whole machine's first), or for the machine itself when none is named. */
export function suspendOf(seen: MachineSeen, service?: string): Suspend | undefined {
  if (seen.suspends === undefined || seen.suspends.length === 0) return undefined;
  const inForce = inForceOn(seen);
  return (
    inForce.find(one => one.service === undefined) ??
    (service === undefined ? undefined : inForce.find(one => one.service === service))
  );
}

export interface HandsOff {
  readonly why: string;
  /** Milliseconds since 1970, by our clock: that of the machine may be another. */
  readonly until?: number;
}

export function handsOff(suspend: Suspend, seen: MachineSeen, live: LiveState): HandsOff {
  const { reason, by, until } = suspend;
  if (until === undefined) return { why: `suspended: ${reason} (by ${by})` };
  const at = live.takenAt + (until - seen.facts.clock) * 1000;
  return { why: `suspended: ${reason} (by ${by}, until ${timeIn('UTC', at)})`, until: at };
}
