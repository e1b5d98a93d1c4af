// What a controller says of its passes: only what is new since the last one.
import type { EventKind } from '../../../schema/history.js';
import { heldOf, letGo } from '../../../schema/holds.js';
import type { PassReport } from '../../../schema/status.js';

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
    ...(report.plan?.leftAlone ?? []).filter(one => one.state === 'drifted').map(one => `${one.key}: ${one.why}`),
    ...(report.error === undefined ? [] : [`${report.error.message} (${report.error.hint})`]),
  ];
}

export interface Said {
  readonly commit?: string;
  readonly troubles: readonly string[];
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
  const over =
    now.length === 0 &&
    report.next.next === 'settled' &&
    (before === undefined || before.isolated === true || before.troubles.length > 0);
  const { commit } = report;
  const moved = commit === undefined || commit === before?.commit ? [] : [`commit ${commit.slice(0, 12)} is in force`];
  const line = (event: EventKind) => (text: string) => ({ text, event });
  const lines = [
    ...moved.map(line('git.commit')),
    ...cutOff(report, before),
    ...fresh.map(line('pass.trouble')),
    ...(over ? [line('pass.settled')('everything is as the registry says')] : []),
  ];
  const said = { ...(commit === undefined ? {} : { commit }), troubles: now, ...(isolated && { isolated }) };
  return { lines, said };
}
