// `portoser plan`: 0 nothing to do, 2 changes, 1 an error.
import type { Call, ExitCode, Options } from '../command.js';
import { command, given } from '../command.js';
import type { OutputOf } from '../../../reconciler/engine.js';
import { heldOf, needsPerson } from '../../../schema/holds.js';
import { createPaint } from '../paint.js';
import { diagnosticsText } from '../render/diagnostics.js';
import { planText } from '../render/plan.js';
import { respond } from '../respond.js';

export type PlanReport = OutputOf<'plan'>;

const short = (commit: string): string =>
  commit === 'work-tree' ? 'the files as they lie there' : `commit ${commit.slice(0, 12)}`;

export function planReportText(report: PlanReport, colours: boolean): string {
  const paint = createPaint(colours);
  const id = report.plan === undefined ? '' : `Plan ${report.plan.id} of ${short(report.commit)}`;
  const silent = Object.entries(report.health).filter(([, verdict]) => verdict.state === 'fail');
  return [
    report.diagnostics.length > 0 ? diagnosticsText(report.diagnostics, paint) : '',
    id,
    report.differs ? paint.warn('These files differ from the commit: `deploy` and `run` take the commit.') : '',
    report.held === undefined ? '' : `${paint.warn('Held:')} ${report.held}`,
    report.refused === undefined
      ? ''
      : paint.warn(`Commit ${report.refused.slice(0, 12)} was refused: the last good one stays in force.`),
    report.outage === undefined ? '' : paint.warn(`${report.outage.message} (${report.outage.hint})`),
    report.plan === undefined ? '' : planText(report.plan, paint),
    report.left === 0
      ? ''
      : paint.warn('An earlier run was killed in the middle: `run` or `deploy` looks what became of it.'),
    ...silent.map(([key, verdict]) => `${paint.bad('!')} ${key} is not answering: ${verdict.found}`),
  ]
    .filter(Boolean)
    .join('\n');
}

/** Changes win over what could not be looked at: there is something to see to. */
export function planExitCode(report: PlanReport): ExitCode {
  const { plan } = report;
  if (plan === undefined || report.diagnostics.some(one => one.severity === 'error')) return 1;
  if (
    report.changes > 0 ||
    heldOf(plan).length > 0 ||
    report.held !== undefined ||
    plan.leftAlone.some(one => one.state === 'held' || one.state === 'drifted')
  )
    return 2;
  const amiss = plan.leftAlone.some(one => one.state === 'blocked' || one.state === 'unknown');
  const machines = plan.machines.some(one => one.state === 'blocked' || one.state === 'unknown');
  return amiss || machines || report.outage !== undefined ? 1 : 0;
}

export async function showPlan(
  call: Pick<Call<Options>, 'json' | 'terminal' | 'perform'>,
  input: PlanInput,
): Promise<ExitCode> {
  const report = await ask(call, input);
  const text = (): string => [planReportText(report, call.terminal.colours), chosenText(report, input)].join('');
  return respond(call, report, text, planExitCode(report));
}

/** A plan of what was chosen is no plan of a controller: it waits for `deploy` of the same. */
function chosenText({ plan }: PlanReport, { services, group, machine }: PlanInput): string {
  const chosen = [
    ...services,
    ...(group === undefined ? [] : ['--group', group]),
    ...(machine === undefined ? [] : ['--machine', machine]),
  ];
  if (plan === undefined || chosen.length === 0 || !heldOf(plan).some(needsPerson)) return '';
  return `\nThis is the plan of what was chosen: once approved, it goes on with \`portoser deploy ${chosen.join(' ')}\`.`;
}

interface PlanInput {
  readonly services: readonly string[];
  readonly group?: string | undefined;
  readonly machine?: string | undefined;
  readonly noDeps?: boolean | undefined;
  readonly from?: 'files' | 'commit' | undefined;
  readonly again?: boolean;
}

export async function ask(call: Pick<Call<Options>, 'perform'>, { services, ...more }: PlanInput): Promise<PlanReport> {
  return await call.perform('plan', { services: [...services], ...given(more) });
}

export const plan = command({
  usage: '[service…]',
  options: {
    group: { type: 'string', value: 'name', summary: 'services of this group' },
    machine: { type: 'string', value: 'name', summary: 'only on this machine' },
    'no-deps': { type: 'boolean', summary: 'leave out what they depend on' },
    committed: { type: 'boolean', summary: 'the newest commit, not the files as they lie there' },
  },
  notes: 'Only reads. Exit code 0: nothing to do, 2: changes, 1: an error.',
  run: async call => {
    const { group, machine, 'no-deps': noDeps, committed } = call.values;
    return await showPlan(call, {
      services: call.words,
      group,
      machine,
      noDeps,
      from: committed ? 'commit' : undefined,
    });
  },
});
