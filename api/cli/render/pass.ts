// How a pass ended: what was done, what failed and why, and what is still amiss.
import { heldOf, letGo } from '../../../schema/holds.js';
import type { Culprit, Outcome, Plan, Undone } from '../../../schema/plan.js';
import type { Finding, PassReport } from '../../../schema/status.js';
import type { ExitCode } from '../command.js';
import type { Paint } from '../paint.js';
import { diagnosticsText } from './diagnostics.js';
import { culpritLines } from './plan.js';

const done: Record<string, string> = {
  create: 'created',
  update: 'updated',
  restart: 'restarted',
  repair: 'repaired',
  replace: 'replaced',
  stop: 'stopped',
  remove: 'removed',
  release: 'released',
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function outcomeText(outcome: Outcome, paint: Paint): string {
  switch (outcome.result) {
    case 'applied':
      return `  ${paint.good('✓')} ${outcome.key} ${done[outcome.kind] ?? outcome.kind} ${paint.faint(`(${seconds(outcome.durationMs)})`)}`;
    case 'skipped':
      return `  ${paint.faint('·')} ${outcome.key} skipped: ${outcome.why}`;
    case 'in-progress':
      return `  ${paint.warn('…')} ${outcome.key} in progress: ${outcome.why}`;
    case 'failed':
      return failedText(outcome, paint);
    default:
      return outcome satisfies never;
  }
}

const tailLines = (tail: string | undefined, paint: Paint): readonly string[] =>
  tail === undefined
    ? []
    : tail
        .trimEnd()
        .split('\n')
        .map(line => paint.faint(`      | ${line}`));

export function undoneLines(undone: Undone | undefined, paint: Paint): readonly string[] {
  if (undone === undefined) return [];
  if (undone.result === 'back')
    return [`      ${paint.good('↩')} what was healthy at commit ${undone.commit.slice(0, 12)} runs again`];
  const { error, outputTail } = undone;
  const text = `      ${paint.bad('✗')} the last healthy revision did not come back: ${error.message}`;
  return [text, ...tailLines(outputTail, paint)];
}

function failedText(outcome: Outcome & { result: 'failed' }, paint: Paint): string {
  const { error, outputTail, undone } = outcome;
  return [
    `  ${paint.bad('✗')} ${outcome.key} failed: ${error.message}`,
    ...tailLines(outputTail, paint),
    ...undoneLines(undone, paint),
    `      ${error.hint} ${paint.faint(`[${error.code}]`)}`,
  ].join('\n');
}

export function findingText(finding: Finding, paint: Paint): string {
  const where = finding.key ?? finding.machine;
  const code = finding.code === undefined ? '' : ` ${paint.faint(`[${finding.code}]`)}`;
  const hint = finding.hint === undefined ? '' : `\n      ${finding.hint}${code}`;
  return `  ${paint.warn('!')} ${where === undefined ? '' : `${where}: `}${finding.message}${hint}`;
}

function verdict(report: PassReport, paint: Paint): string {
  switch (passExitCode(report)) {
    case 0:
      return report.outcomes.length > 0
        ? paint.good('Everything is as the registry says.')
        : 'Nothing to do: everything is as the registry says.';
    case 2:
      return heldText(report.plan, paint) || paint.warn('Something waits for a person.');
    default:
      return paint.bad(
        report.outcomes.length === 0 && report.next.next === 'again'
          ? `Not everything is as the registry says: ${report.next.why}.`
          : 'Not everything is as the registry says.',
      );
  }
}

function heldText(plan: Plan | undefined, paint: Paint): string {
  const held = plan === undefined ? [] : heldOf(plan);
  return held.map(one => `${paint.warn('Held:')} ${one.why}\n  ${letGo(one)}`).join('\n');
}

/** That nothing is known is not worth a line here. */
const known = (culprits: readonly Culprit[] = []): readonly Culprit[] =>
  culprits.filter(one => one.at !== undefined || one.by !== undefined);

export function passText(report: PassReport, paint: Paint): string {
  const error = report.error;
  const culprits = new Map(report.plan?.waves.flat().map(one => [one.key, one.culprits]));
  return [
    ...(report.diagnostics.length > 0 ? [diagnosticsText(report.diagnostics, paint)] : []),
    ...report.outcomes.flatMap(one => [outcomeText(one, paint), ...culpritLines(known(culprits.get(one.key)), paint)]),
    ...report.findings.map(one => findingText(one, paint)),
    ...(report.plan?.leftAlone ?? [])
      .filter(one => one.state === 'drifted')
      .flatMap(one => [
        `  ${paint.warn('!')} ${one.key} drifted: ${one.why}`,
        ...culpritLines(known(one.culprits), paint),
      ]),
    ...(error === undefined
      ? []
      : [`${paint.bad('✗')} ${error.message}\n  ${error.hint} ${paint.faint(`[${error.code}]`)}`]),
    verdict(report, paint),
  ].join('\n');
}

/** 0: in sync. 1: something failed or could not be looked at. 2: held, or waiting for approval. */
export function passExitCode(report: PassReport): ExitCode {
  const failed =
    report.error !== undefined ||
    report.diagnostics.some(one => one.severity === 'error') ||
    report.outcomes.some(one => one.result === 'failed' || one.result === 'skipped') ||
    report.next.next === 'again' ||
    report.findings.some(one => one.kind !== 'git');
  if (failed) return 1;
  const waits =
    (report.plan !== undefined && heldOf(report.plan).length > 0) ||
    report.plan?.leftAlone.some(one => one.state === 'held' || one.state === 'drifted') ||
    report.next.next === 'stalled';
  return waits ? 2 : 0;
}
