// Uptime as text: a line for each placement.
import type { PlacementUptime, UptimeReport } from '../../../schema/uptime.js';
import type { Paint } from '../paint.js';
import { timeText } from './history.js';
import { timeSpanText } from './metrics.js';
import { table } from './table.js';

/** Never rounded up: what was down is not called 100%. */
function availabilityText(ratio: number | undefined, paint: Paint): string {
  if (ratio === undefined) return '-';
  const text = `${Math.floor(ratio * 100_000) / 1000}%`;
  return ratio < 0.99 ? paint.bad(text) : text;
}

const spanText = (ms: number | undefined): string => (ms === undefined ? '-' : timeSpanText(ms / 1000));

function rowOf(one: PlacementUptime, paint: Paint): readonly string[] {
  const { key, availability, upMs, downMs, plannedMs, unknownMs, failures, mtbfMs, mttrMs, downSince } = one;
  return [
    key,
    availabilityText(availability, paint),
    ...[upMs, downMs, plannedMs, unknownMs].map(spanText),
    String(failures),
    spanText(mtbfMs),
    spanText(mttrMs),
    ...(downSince === undefined ? [] : [paint.bad(`down since ${timeText(downSince)}`)]),
  ];
}

export function uptimeText({ from, to, placements }: UptimeReport, paint: Paint): string {
  const time = `${timeText(from)} to ${timeText(to)}`;
  if (placements.length === 0)
    return `Nothing was watched in that time (${time}). A controller (\`portoser run\`) watches.`;
  const headings = ['SERVICE', 'AVAILABLE', 'UP', 'DOWN', 'PLANNED', 'UNKNOWN', 'FAILURES', 'MTBF', 'MTTR'];
  return `${time}\n${table(
    placements.map(one => rowOf(one, paint)),
    [...headings, ''],
  )}`;
}
