// What a pass shows to be amiss, and how what was amiss before is to be taken by it.
import type { Diagnostic } from '../../schema/diagnostics.js';
import type { ErrorCode, ErrorReport } from '../../schema/errors.js';
import { everyChange, heldOf, letGo, needsPerson } from '../../schema/holds.js';
import type { NotifyKind } from '../../schema/notify.js';
import type { LeftAlone, MachineNote, Outcome, Plan, Undone } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import { endedBy, gitFindings } from './amiss-ended.js';
import { withKnown } from './culprit-words.js';
import type { Amiss, Look } from './incidents.js';
import { lookupOf } from './lookup.js';
import { optional } from './optional.js';
import { machineOf, serviceOf } from './placement-key.js';

/** What may pass by itself soon is not worth a message at once. */
const passingMs = 120_000;
const outageMs = 300_000;

export type Seen = Pick<PassReport, 'commit' | 'diagnostics' | 'plan' | 'outcomes' | 'findings' | 'error'>;

const short = (commit: string): string => commit.slice(0, 12);

/** What outlasted its pass and failed then: why, and the commit of that pass. */
export interface LateFailure {
  readonly why: string;
  readonly commit: string | undefined;
}

/** `desired`: what the last pass that got so far wanted; absent: none did yet. `late`: since the pass before, by key. */
export function lookOfPass(
  report: Seen,
  desired: DesiredState | undefined,
  late: ReadonlyMap<string, LateFailure> = new Map(),
): Look {
  const scene: Scene = { report, desired, late };
  const seen = [
    ...ofGit(scene),
    ...ofController(scene),
    ...ofMachines(scene),
    ...ofPlan(scene),
    ...ofPlacements(scene),
  ];
  return { seen, ended: endedBy(report, desired) };
}

interface Scene {
  readonly report: Seen;
  readonly desired: DesiredState | undefined;
  readonly late: ReadonlyMap<string, LateFailure>;
}

const advice = (hint: string, command: string): string => `${hint} See \`portoser ${command}\`.`.trim();

/** Hints that point to output, which no message carries: it may hold anything. */
const withoutOutput: Partial<Record<ErrorCode, string>> = {
  'gate-failed': 'Look at its log, and correct it in git.',
  'command-failed': 'Look at what it said.',
  'uv-failed': 'Check pyproject.toml and uv.lock.',
};

function adviceOn(error: ErrorReport | undefined, key: string): string {
  const hint = error === undefined ? '' : (withoutOutput[error.code] ?? error.hint);
  const service = serviceOf(key);
  return `${hint} See \`portoser why ${service}\` and \`portoser logs ${service}\`.`.trim();
}

function urgentOf({ desired }: Scene, key: string): { readonly urgent?: true } {
  const placement = desired === undefined ? undefined : lookupOf(desired).byKey.get(key as PlacementKey);
  return placement?.spec.critical === true ? { urgent: true } : {};
}

const whole = (kind: NotifyKind, what: string, why: string, more: Partial<Amiss> = {}): Amiss => ({
  key: kind,
  kind,
  subject: '',
  what,
  why,
  ...more,
});

const isGitError = ({ code }: Pick<ErrorReport, 'code'>): boolean => code.startsWith('git-');

const placeOf = ({ file, line, column, message }: Diagnostic): string => `${file}:${line}:${column} ${message}`;

function refusedWhy(message: string, diagnostics: readonly Diagnostic[]): string {
  const [first, ...more] = diagnostics.filter(one => one.severity === 'error');
  if (first === undefined) return message;
  return `${message}: ${placeOf(first)}${more.length === 0 ? '' : `, and ${more.length} more`}`;
}

function ofGit({ report }: Scene): readonly Amiss[] {
  const { error, findings, diagnostics, plan, commit } = report;
  const found = gitFindings(findings);
  const own = error !== undefined && isGitError(error) ? error : undefined;
  const held = found.held ?? (own?.code === 'git-held' ? own : undefined);
  const outage = found.outage ?? (own?.code === 'git-held' ? undefined : own);
  const refused =
    findings.find(one => one.kind === 'registry')?.message ??
    (error?.code === 'registry-missing' ? error.message : undefined);
  // Nothing was ever in force.
  const first =
    plan === undefined && error === undefined ? `the registry at ${short(commit ?? '')} was refused` : undefined;
  const why = refused ?? first;
  return [
    ...(held === undefined
      ? []
      : [whole('git.held', 'The branch was rewritten', held.message, optional('todo', held.hint))]),
    ...(outage === undefined
      ? []
      : [
          whole('git.down', 'The repository cannot be had', outage.message, {
            ...optional('todo', outage.hint),
            patienceMs: outageMs,
          }),
        ]),
    ...(why === undefined
      ? []
      : [
          whole('registry.refused', 'The newest registry was refused', refusedWhy(why, diagnostics), {
            todo: 'Correct it and push; what was in force stays so. See `portoser registry validate`.',
            revision: why,
          }),
        ]),
  ];
}

function ofController({ report: { error, plan } }: Scene): readonly Amiss[] {
  const own = error !== undefined && !isGitError(error) && error.code !== 'registry-missing' ? error : undefined;
  const failed =
    own && whole('controller.failed', 'A pass came to nothing', own.message, { todo: own.hint, patienceMs: passingMs });
  const isolated =
    plan?.isolated &&
    whole('controller.isolated', 'No machine can be reached', plan.isolated.why, {
      todo: 'Look at the network of the controller itself; what runs on the machines runs on.',
    });
  return [...(failed === undefined ? [] : [failed]), ...(isolated === undefined ? [] : [isolated])];
}

function ofMachines(scene: Scene): readonly Amiss[] {
  const { plan } = scene.report;
  if (plan === undefined || plan.isolated !== undefined) return [];
  const critical = new Set(scene.desired?.placements.filter(one => one.spec.critical).map(one => one.spec.machine));
  return plan.machines
    .filter(note => note.state === 'unknown' || note.state === 'blocked')
    .map(({ machine, state, why, error }: MachineNote): Amiss => ({
      key: `machine.down:${machine}`,
      kind: 'machine.down',
      subject: machine,
      what: state === 'unknown' ? 'cannot be looked at' : 'may not be worked on',
      why,
      todo: advice(error?.hint ?? 'Look at the machine.', `machine doctor ${machine}`),
      ...(critical.has(machine) && { urgent: true }),
    }));
}

/** `web@m1, api@m1 and 3 more`. */
function some(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return `${names.slice(0, 5).join(', ')}${more}`;
}

function ofPlan({ report: { plan, commit } }: Scene): readonly Amiss[] {
  if (plan === undefined) return [];
  return heldOf(plan)
    .filter(needsPerson)
    .map((hold): Amiss => {
      const changes =
        plan.held === undefined ? (plan.waiting?.find(part => part.id === hold.id)?.changes ?? []) : everyChange(plan);
      const about = changes.length === 0 ? '' : ` (${some(changes.map(one => `${one.kind} ${one.key}`))})`;
      return {
        key: `approval.needed:${hold.id}`,
        kind: 'approval.needed',
        subject: `Plan ${hold.id}`,
        what: 'waits for a person',
        why: `${hold.why}${about}`,
        todo: letGo(hold),
        ...optional('commit', commit),
      };
    });
}

function undoneText(undone: Undone | undefined): string {
  if (undone === undefined) return '';
  return undone.result === 'back'
    ? `; the last healthy revision (commit ${short(undone.commit)}) runs again`
    : `; going back failed too: ${undone.error.message}`;
}

/** Of a placement that was condemned and then changed again, what came last. */
const lastOf = (outcomes: readonly Outcome[]): readonly Outcome[] => [
  ...new Map(outcomes.map(one => [one.key, one])).values(),
];

function failedOf(scene: Scene, outcome: Extract<Outcome, { result: 'failed' }>): Amiss {
  const { key, error, undone } = outcome;
  return {
    ...base(scene, 'deploy.failed', key),
    what: 'could not be deployed',
    why: `${error.message}${undoneText(undone)}`,
    todo: adviceOn(error, key),
    ...optional('commit', scene.report.commit),
    ...optional('patienceMs', error.retry === 'backoff' ? passingMs : undefined),
  };
}

function base(scene: Scene, kind: NotifyKind, key: PlacementKey) {
  const placement = scene.desired === undefined ? undefined : lookupOf(scene.desired).byKey.get(key);
  const revision = kind === 'deploy.failed' ? (placement?.instead?.of ?? placement?.fingerprint) : undefined;
  return { key: `${kind}:${key}`, kind, subject: key, ...optional('revision', revision), ...urgentOf(scene, key) };
}

/** Where it was seen to fail, more was known of why. */
function heldOfLate({ late }: Scene, amiss: Amiss): Amiss {
  const failure = late.get(amiss.subject);
  if (failure === undefined) return { ...amiss, afterwards: true };
  return { ...amiss, why: `${failure.why}; ${amiss.why}`, ...optional('commit', failure.commit) };
}

function leftOf(scene: Scene, one: LeftAlone): Amiss | undefined {
  const { key, why, error, culprits, state } = one;
  const todo = adviceOn(error, key);
  switch (state) {
    case 'held':
      return heldOfLate(scene, { ...base(scene, 'deploy.failed', key), what: 'could not be deployed', why, todo });
    case 'blocked':
      return { ...base(scene, 'deploy.blocked', key), what: 'is held up', why, todo };
    case 'unknown':
      return { ...base(scene, 'deploy.blocked', key), what: 'cannot be looked at', why, todo, patienceMs: passingMs };
    case 'drifted':
      return {
        ...base(scene, 'drift', key),
        what: 'was changed by hand',
        why: withKnown(why, culprits),
        todo: advice('Policy leaves it so: take it into git, or undo it.', `why ${serviceOf(key)}`),
      };
    case 'suspended':
    case 'in-progress':
    case 'kept':
      return undefined;
    default:
      return state satisfies never;
  }
}

function ofPlacements(scene: Scene): readonly Amiss[] {
  const { plan, outcomes } = scene.report;
  if (plan === undefined) return [];
  const failed = lastOf(outcomes).flatMap(one => (one.result === 'failed' ? [failedOf(scene, one)] : []));
  if (plan.isolated !== undefined) return failed;
  const known = new Set(failed.map(one => one.key));
  const left = seenAlone(plan).flatMap(one => leftOf(scene, one) ?? []);
  return [...failed, ...left.filter(one => !known.has(one.key))];
}

/** Of a machine that cannot be worked on, the machine is told, and not each of its placements. */
function seenAlone(plan: Plan): readonly LeftAlone[] {
  const noted = new Set(plan.machines.map(one => one.machine));
  return plan.leftAlone.filter(one => !noted.has(machineOf(one.key)));
}
