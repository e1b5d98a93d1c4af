// `policy.drift`: which of what somebody changed on a machine counts, and what is done about it.
import type { DriftAnswer } from '../../schema/registry-types.js';
import type { FieldChange } from '../../schema/plan.js';
import { timeIn } from './zoned-cron.js';

const plain: DriftAnswer = { action: 'revert', ignore: [] };

/** `*` stands for anything, also for nothing; all else for itself. */
function matches(pattern: string, field: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === field;
  if (!field.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = field.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return field.length - last.length >= at && field.endsWith(last);
}

/** What holds at an instant (milliseconds since 1970): after its `until` everything is reverted again. */
export const driftAt = (answer: DriftAnswer, now: number): DriftAnswer =>
  answer.untilAt === undefined || now < answer.untilAt ? answer : plain;

export const isIgnored = (answer: DriftAnswer, field: string): boolean =>
  answer.ignore.some(pattern => matches(pattern, field));

export const counted = (answer: DriftAnswer, fields: readonly FieldChange[]): readonly FieldChange[] =>
  fields.filter(({ field }) => !isIgnored(answer, field));

/** ` until 2026-12-01 00:00 UTC`, or nothing. */
export const untilText = ({ untilAt }: DriftAnswer): string =>
  untilAt === undefined ? '' : ` until ${timeIn('UTC', untilAt)}`;

/** An instant as people write it: a day (it begins in UTC), or a time with its zone. undefined: it is none. */
export function instantOf(written: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d))?$/.exec(written);
  if (match === null) return undefined;
  const [, day = '', time = '00:00', zone = 'Z'] = match;
  const at = Date.parse(`${day}T${time}${zone}`);
  const begin = Date.parse(`${day}T00:00Z`);
  // 31 February is taken for 2 or 3 March.
  if (Number.isNaN(at) || Number.isNaN(begin)) return undefined;
  return new Date(begin).toISOString().startsWith(day) ? at : undefined;
}
