// What came by webhooks as a table, and in one line for the status.
import type { Delivery, Verdict, WebhookCounts } from '../../../schema/webhooks.js';
import type { Paint } from '../paint.js';
import { timeText } from './history.js';
import { table } from './table.js';

function verdictWord(verdict: Verdict, paint: Paint): string {
  switch (verdict) {
    case 'woken':
    case 'folded':
    case 'handed-on':
      return paint.good(verdict.replace('-', ' '));
    case 'ignored':
      return paint.faint(verdict);
    case 'refused':
      return paint.bad(verdict);
    default:
      return verdict satisfies never;
  }
}

const about = ({ kind, branch, number }: Delivery): string =>
  [kind, number === undefined ? undefined : `#${number}`, branch].filter(Boolean).join(' ');

export function deliveriesText(deliveries: readonly Delivery[], paint: Paint): string {
  if (deliveries.length === 0) return 'No webhooks.';
  const rows = deliveries.map(one => [
    timeText(one.lastAt),
    one.forge,
    about(one),
    verdictWord(one.verdict, paint),
    String(one.times),
    one.why,
  ]);
  return table(rows, ['LAST', 'FORGE', 'WHAT', 'VERDICT', 'TIMES', 'WHY']);
}

/** `ageOf`: how long ago, for people. Nothing while nothing came. */
export function webhookLines(
  counts: WebhookCounts | undefined,
  ageOf: (at: number) => string,
  paint: Paint,
): readonly string[] {
  const [last] = counts?.last ?? [];
  if (counts === undefined || last === undefined) return [];
  const refused = counts.refused === 0 ? '' : paint.warn(`, ${counts.refused} refused`);
  const what = [last.forge, about(last)].filter(Boolean).join(' ');
  return [
    `Webhooks: ${counts.accepted} accepted${refused}; the last one ${ageOf(last.lastAt)} ago (${what}): ${verdictWord(last.verdict, paint)}, ${last.why}.`,
  ];
}
