// The audit log as text: a line for each deed, and whether the log is as it was written.
import type { AuditDeed, AuditVerdict } from '../../../schema/audit.js';
import type { Paint } from '../paint.js';
import { table } from './table.js';

const timeText = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

function whoText({ who: { name, by, token }, from }: AuditDeed): string {
  const shown = by === 'loop' ? 'the controller' : `${name} (${token === undefined ? by : `${by}, ${token}`})`;
  return from === 'here' ? shown : `${shown} from ${from}`;
}

const member = ([name, value]: readonly [string, unknown]): string =>
  `${name}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`;

const members = (value: unknown): string =>
  typeof value === 'object' && value !== null ? Object.entries(value).map(member).join(' ') : '';

function resultText({ result, code, times }: AuditDeed, paint: Paint): string {
  switch (result) {
    case 'done':
    case 'shown':
      return result;
    case 'open':
      return paint.warn(result);
    case 'failed':
      return paint.bad(`failed [${code ?? ''}]`);
    case 'refused':
      return paint.bad(`refused [${code ?? ''}]${times === undefined ? '' : ` ${times} more times`}`);
    default:
      return result satisfies never;
  }
}

export function deedsText(deeds: readonly AuditDeed[], paint: Paint): string {
  if (deeds.length === 0) return 'The audit log holds nothing of that.';
  const rows = deeds.map(deed => [
    timeText(deed.at),
    whoText(deed),
    resultText(deed, paint),
    [deed.what, members(deed.input), members(deed.output)].filter(Boolean).join(' '),
  ]);
  return table(rows, ['WHEN (UTC)', 'WHO', 'RESULT', 'WHAT']);
}

export function verdictText({ whole, records, head, fault, halfLines, anchors }: AuditVerdict, paint: Paint): string {
  const end = head === undefined ? [] : [`The last record: ${head.seq}:${head.hash}`];
  const compared = anchors.length === 0 ? [] : [`Its end was compared with ${anchors.join(', ')}.`];
  const half = halfLines.map(place => paint.warn(`note: ${place} is half a line, of a process that was killed there`));
  if (whole) {
    const what = records === 0 ? 'The audit log holds nothing yet.' : `The audit log is whole: ${records} records.`;
    return [what, ...compared, ...half, ...end].join('\n');
  }
  const place = fault?.place === undefined ? '' : ` (${fault.place})`;
  const broken = paint.bad(`The audit log is not as it was written: ${fault?.text ?? ''}${place}.`);
  const before = `The ${records} records before are.`;
  return [broken, ...(records === 0 ? [] : [before]), ...compared, ...half].join('\n');
}
