// History as text: deployments as a table, one of them in full, what it changed, and events as lines.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Deployment, DeploymentResult, HistoryEvent } from '../../../schema/history.js';
import type { Write } from '../../../schema/journal.js';
import type { StepEnd } from '../../../schema/plan.js';
import type { Paint } from '../paint.js';
import { undoneLines } from './pass.js';
import { culpritLines, fieldLine } from './plan.js';
import { table } from './table.js';

/** In the place of whoever reads it, to the second. */
export function timeText(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

const shortId = (id: string): string => id.slice(0, 12);
const commitText = (commit: string | undefined): string => commit?.slice(0, 12) ?? '';
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function resultWord(result: DeploymentResult, paint: Paint): string {
  switch (result) {
    case 'applied':
      return paint.good(result);
    case 'failed':
      return paint.bad(result);
    case 'skipped':
      return paint.faint(result);
    case 'in-progress':
      return paint.warn('in progress');
    default:
      return result satisfies never;
  }
}

export function deploymentsText(deployments: readonly Deployment[], paint: Paint): string {
  if (deployments.length === 0) return 'No deployments.';
  const rows = deployments.map(one => [
    timeText(one.startedAt),
    shortId(one.id),
    one.service,
    one.machine,
    one.kind,
    resultWord(one.result, paint),
    commitText(one.commit),
    one.trigger,
  ]);
  return table(rows, ['WHEN', 'ID', 'SERVICE', 'MACHINE', 'WHAT', 'RESULT', 'COMMIT', 'TRIGGER']);
}

function endLines(one: Deployment, paint: Paint): readonly string[] {
  const tail = one.outputTail?.trimEnd().split('\n') ?? [];
  return [
    ...(one.why === undefined ? [] : [`  ${one.why}`]),
    ...(one.error === undefined ? [] : [`  ${one.error.message}`]),
    ...tail.map(line => paint.faint(`  | ${line}`)),
    ...undoneLines(one.undone, paint),
    ...(one.error === undefined ? [] : [`  ${one.error.hint} ${paint.faint(`[${one.error.code}]`)}`]),
  ];
}

const row = (name: string, text: string): string => `  ${name.padEnd(9)} ${text}`;

const stepWords = { done: 'done', failed: 'failed', 'not-run': 'not run' } as const;

function stepLines({ what, result, code, outputTail }: StepEnd, paint: Paint): readonly string[] {
  const word = stepWords[result].padEnd(7);
  const ended = code === undefined ? '' : ` (exit code ${code})`;
  const tail = outputTail?.trimEnd().split('\n') ?? [];
  const shown = result === 'failed' ? paint.bad(word) : word;
  return [`  ${shown}  ${what}${ended}`, ...tail.map(line => paint.faint(`  | ${line}`))];
}

function writeLine({ at, endedAt, what, where, error, text }: Write, paint: Paint): string {
  const took = endedAt === undefined ? '' : `, in ${seconds(endedAt - at)}`;
  const failed = error === undefined ? '' : paint.bad(`: failed [${error}]`);
  return `  ${timeText(at)}  ${what} on ${where}${took}${failed}${text === undefined ? '' : `: ${text}`}`;
}

export function deploymentText({ deployment, run, others, writes }: OutputOf<'history.show'>, paint: Paint): string {
  const { culprits } = run.plan.waves.flat().find(one => one.key === deployment.key) ?? {};
  const { id, runId, key, kind, result, reason, because, trigger, actor, commit, previousCommit } = deployment;
  const took = deployment.durationMs === undefined ? '' : ` in ${seconds(deployment.durationMs)}`;
  return [
    `${paint.strong(key)} ${kind}: ${resultWord(result, paint)}${took}`,
    row('id', id),
    row('run', runId),
    row('when', `${timeText(deployment.startedAt)} to ${timeText(deployment.endedAt)}`),
    row('trigger', trigger),
    row('by', actor.by === 'loop' ? 'the controller' : `${actor.name} (${actor.by})`),
    ...(commit === undefined ? [] : [row('commit', commit)]),
    ...(previousCommit === undefined ? [] : [row('before', previousCommit)]),
    row('why', `${reason}: ${because}`),
    ...deployment.fields.map(one => fieldLine(one, paint)),
    ...culpritLines(culprits, paint),
    ...endLines(deployment, paint),
    ...(deployment.steps === undefined ? [] : ['Steps:', ...deployment.steps.flatMap(one => stepLines(one, paint))]),
    ...(writes.length === 0 ? [] : ['Written:', ...writes.map(one => writeLine(one, paint))]),
    ...(others.length === 0 ? [] : ['In the same run:']),
    ...others.map(one => `  ${shortId(one.id)} ${one.key} ${one.kind}: ${resultWord(one.result, paint)}`),
  ].join('\n');
}

export function diffText(diff: OutputOf<'history.diff'>, paint: Paint): string {
  const { fromCommit, toCommit } = diff;
  const range = `${fromCommit === undefined ? '(nothing)' : commitText(fromCommit)} → ${toCommit === undefined ? '(no commit)' : commitText(toCommit)}`;
  return [
    `${paint.strong(diff.key)} ${diff.kind}: ${resultWord(diff.result, paint)}`,
    `  commits ${range}`,
    `  ${diff.because}`,
    ...diff.fields.map(one => fieldLine(one, paint)),
  ].join('\n');
}

const bad: ReadonlySet<string> = new Set(['controller.isolated', 'deploy.failed', 'pass.trouble', 'history.dropped']);

function eventLine({ at, kind, key, machine, text, data }: HistoryEvent, paint: Paint): string {
  const where = key ?? machine;
  const said = bad.has(kind) || data?.['to'] === 'unhealthy' ? paint.bad(text) : text;
  return `${timeText(at)}  ${paint.faint(kind.padEnd(18))}  ${where === undefined ? '' : `${paint.strong(where)}: `}${said}`;
}

export const eventsText = (events: readonly HistoryEvent[], paint: Paint): string =>
  events.length === 0 ? 'No events.' : events.map(one => eventLine(one, paint)).join('\n');
