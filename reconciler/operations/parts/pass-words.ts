// What a controller says of its passes: only what is new since the last one.
import type { EventKind } from '../../../schema/history.js';
import { heldOf, letGo } from '../../../schema/holds.js';
import type { PassReport } from '../../../schema/status.js';
import { withKnown } from '../../core/culprit-words.js';

/** What is amiss, one line each. */
function troubles(report: PassReport): readonly string[] {
  const place = (one: { readonly key?: string; readonly machine?: string }): string => {
    const where = one.key ?? one.machine;
    return where === undefined ? '' : `${where}: `;
  };
  return [
    ...report.diagnostics
      .filter(one => one.severity === 'error')
      .map(one => `${one.file}:${one.line}:${one.column} ${one.message}`),
    ...report.findings.map(one => `${place(one)}${one.message}`),
    ...(report.plan === undefined ? [] : heldOf(report.plan)).map(one => `held: ${one.why}. ${letGo(one)}`),
    ...(report.plan?.leftAlone ?? [])
      .filter(one => one.state === 'drifted')
      .map(one => `${one.key}: ${withKnown(one.why, one.culprits)}`),
    ...(report.error === undefined ? [] : [`${report.error.message} (${report.error.hint})`]),
  ];
}

export interface Said {
  readonly commit?: string;
  readonly troubles: readonly string[];
  /** They are over, and it is still to be said that all is well. */
  readonly unsettled?: true;
}

interface Line {
  readonly text: string;
  readonly event: EventKind;
}

/** The lines to say now, and what to remember for the next pass. */
export function passWords(
  report: PassReport,
  before: Said | undefined,
): { readonly lines: readonly Line[]; readonly said: Said } {
  const now = troubles(report);
  const fresh = now.filter(line => !before?.troubles.includes(line));
  const well = now.length === 0 && (before === undefined || before.troubles.length > 0 || before.unsettled === true);
  const over = well && report.next.next === 'settled';
  const unsettled = well && !over;
  const { commit } = report;
  const moved = commit === undefined || commit === before?.commit ? [] : [`commit ${commit.slice(0, 12)} is in force`];
  const line = (event: EventKind) => (text: string) => ({ text, event });
  const lines = [
    ...moved.map(line('git.commit')),
    ...fresh.map(line('pass.trouble')),
    ...(over ? [line('pass.settled')('everything is as the registry says')] : []),
  ];
  return {
    lines,
    said: { ...(commit === undefined ? {} : { commit }), troubles: now, ...(unsettled && { unsettled }) },
  };
}
