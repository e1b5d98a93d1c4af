// What a controller says of its passes: only what is new since the last one.
import type { EventKind } from '../../../schema/history.js';
import { heldOf, letGo } from '../../../schema/holds.js';
import type { PassReport } from '../../../schema/status.js';
import { withKnown } from '../../core/culprit-words.js';

/** What is amiss, one line each; that the controller is cut off has a line of its own. */
function troubles(report: PassReport): readonly string[] {
  const place = (one: { readonly key?: string; readonly machine?: string }): string => {
    const where = one.key ?? one.machine;
    return where === undefined ? '' : `${where}: `;
  };
  return [
    ...report.diagnostics
      .filter(one => one.severity === 'error')
      .map(one => `${one.file}:${one.line}:${one.column} ${one.message}`),
    ...report.findings.filter(one => one.kind !== 'isolated').map(one => `${place(one)}${one.message}`),
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
  /** No machine could be reached. */
  readonly isolated?: true;
}

interface Line {
  readonly text: string;
  readonly event: EventKind;
}

/** Told once when it begins and once when it is over; meanwhile nothing is known of what was amiss before. */
function cutOff(report: PassReport, before: Said | undefined): readonly Line[] {
  const why = report.plan?.isolated?.why;
  if (why !== undefined)
    return before?.isolated === true ? [] : [{ text: `${why}; what runs there runs on`, event: 'controller.isolated' }];
  if (before?.isolated !== true || report.plan === undefined) return [];
  return [{ text: 'machines can be reached again', event: 'controller.rejoined' }];
}

/** The lines to say now, and what to remember for the next pass. */
export function passWords(
  report: PassReport,
  before: Said | undefined,
): { readonly lines: readonly Line[]; readonly said: Said } {
  const isolated = report.plan === undefined ? before?.isolated === true : report.plan.isolated !== undefined;
  const seen = troubles(report);
  const now = isolated ? [...new Set([...(before?.troubles ?? []), ...seen])] : seen;
  const fresh = now.filter(line => !before?.troubles.includes(line));
  const ill =
    before === undefined || before.isolated === true || before.troubles.length > 0 || before.unsettled === true;
  const well = now.length === 0 && ill;
  const over = well && report.next.next === 'settled';
  const unsettled = well && !over;
  const { commit } = report;
  const moved = commit === undefined || commit === before?.commit ? [] : [`commit ${commit.slice(0, 12)} is in force`];
  const line = (event: EventKind) => (text: string) => ({ text, event });
  const lines = [
    ...moved.map(line('git.commit')),
    ...cutOff(report, before),
    ...fresh.map(line('pass.trouble')),
    ...(over ? [line('pass.settled')('everything is as the registry says')] : []),
  ];
  const amiss = { ...(unsettled && { unsettled }), ...(isolated && { isolated }) };
  return { lines, said: { ...(commit === undefined ? {} : { commit }), troubles: now, ...amiss } };
}
