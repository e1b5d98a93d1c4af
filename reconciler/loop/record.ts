// What is noted for history: the run of a pass that changed something, the late end of a change, and what is told on the way.
import { createHash } from 'node:crypto';
import type { ErrorReport } from '../../schema/errors.js';
import type { Deployment, DeploymentEnd, HistoryActor } from '../../schema/history.js';
import type { IntendedChange } from '../../schema/intended.js';
import type { Outcome, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { PassReport } from '../../schema/status.js';
import { lookupOf } from '../core/lookup.js';
import { optional } from '../core/optional.js';
import { undoneBy } from '../core/undone.js';
import type { Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { type Ill, intendedIll, intendedOf, openIntent, type RunBase } from './intended.js';
import type { Considered } from './preview.js';
import { nextOfUnclear, type Unclear } from './unclear.js';

/** Not kept by anybody: whoever knows run and placement knows it. */
export function deploymentId(runId: string, key: PlacementKey): string {
  return createHash('sha256').update(`${runId} ${key}`).digest('hex').slice(0, 32);
}

function endOf(outcome: Outcome): DeploymentEnd {
  switch (outcome.result) {
    case 'applied': {
      const { durationMs, images, steps } = outcome;
      return { result: 'applied', durationMs, ...(images && { images }), ...(steps && { steps }) };
    }
    case 'failed': {
      const { result, error, outputTail, undone, steps } = outcome;
      const tail = outputTail === undefined ? {} : { outputTail };
      return { result, error, ...tail, ...(undone && { undone }), ...(steps && { steps }) };
    }
    case 'skipped':
    case 'in-progress':
      return { result: outcome.result, why: outcome.why };
    default:
      return outcome satisfies never;
  }
}

/** The controller itself, when nobody asked for it. */
export const loopActor: HistoryActor = { name: 'portoser', by: 'loop' };

/** The record of one change: as it was meant, and as it ended. */
export function deploymentOf(
  run: RunBase & { readonly endedAt: number },
  change: IntendedChange,
  end: DeploymentEnd,
  times: Partial<Times> = {},
): Deployment {
  const { id: runId, trigger, actor } = run;
  const { startedAt = run.startedAt, endedAt = run.endedAt } = times;
  const { key, service, machine, kind, reason, because, fields } = change;
  return {
    id: deploymentId(runId, key),
    runId,
    key,
    service,
    machine,
    kind,
    reason,
    because,
    fields,
    trigger,
    actor,
    startedAt,
    endedAt,
    ...optional('commit', change.commit),
    ...optional('fingerprint', change.fingerprint),
    ...optional('previousCommit', change.previousCommit),
    ...end,
  };
}

/** Of one change within its run; of one that was never begun, and where nobody knows, those of the run. */
interface Times {
  readonly startedAt: number;
  readonly endedAt: number;
}

type Report = Pick<PassReport, 'endedAt' | 'plan' | 'outcomes' | 'next'>;

export interface RunRecorder {
  readonly runId: string;
  /** Before anything of that plan is changed: what it is about to do is on the disk when this resolves. */
  begins(considered: Pick<Considered, 'plan' | 'desired'>, commit: string | undefined): Promise<void>;
  /** The same for revisions that the pass finds ill, though an earlier one called them healthy. */
  condemns(ill: readonly Ill[], plan: Plan, commit: string | undefined): Promise<void>;
  /** Nothing was done about these of them. */
  spared(keys: ReadonlySet<PlacementKey>): void;
  /** Nobody can say what was done about these of them; the run's intent stays open until somebody can. */
  unclear(keys: ReadonlySet<PlacementKey>): readonly Unclear[];
  /** It begins; what is tried again, or gone back from, began with its first try. */
  began(key: PlacementKey): void;
  /** It ended, for all that is known: what goes back ends once more. */
  ended(key: PlacementKey): void;
  /** For a pass that breaks before it reports them. */
  carried(outcomes: readonly Outcome[]): void;
  /** What outlasted its pass has come to its end; also while the pass itself still ends. */
  endedLate(outcome: Outcome): void;
  /** `broke`: what broke the pass, and so failed what it had begun and saw no end of. */
  finish(report: Report, broke?: ErrorReport): void;
}

type Ends = readonly (readonly [IntendedChange, DeploymentEnd])[];

/** A placement that was condemned and then changed again has both its outcomes under one key: the first one is told. */
function endsOf(changes: readonly IntendedChange[], outcomes: readonly Outcome[], broke?: ErrorReport): Ends {
  const told = new Map(outcomes.toReversed().map(one => [one.key, one]));
  return changes.flatMap((change): Ends => {
    const outcome = broke === undefined || change.ill === undefined ? told.get(change.key) : undefined;
    if (outcome !== undefined) return [[change, endOf(outcome)]];
    return broke === undefined ? [] : [[change, { result: 'failed', error: change.ill ?? broke }]];
  });
}

/** An end is noted after the run that it belongs to. */
export function recorderOf(
  ports: Pick<Ports, 'store' | 'clock' | 'journal' | 'log' | 'crashPoint'>,
  base: RunBase,
): RunRecorder {
  const { store, clock } = ports;
  const intent = openIntent(ports, base);
  const going = new Map<PlacementKey, () => void>();
  /** Commits that are gone back to. */
  const commitsBack = new Map<PlacementKey, string>();
  /** What failed, and is still being gone back from. */
  const failedEnds = new Map<PlacementKey, DeploymentEnd>();
  const times = new Map<PlacementKey, Partial<Times>>();
  let carried: readonly Outcome[] = [];
  let early: (() => void)[] | undefined = [];
  const note = (outcome: Outcome, endedAt: number): void => {
    const { key } = outcome;
    const [failed, commit] = [failedEnds.get(key), commitsBack.get(key)];
    const undone = failed === undefined || commit === undefined ? undefined : undoneBy(outcome, commit);
    // A failed change is over when what was healthy is back: told with what became of that.
    const end = failed === undefined ? endOf(outcome) : { ...failed, ...optional('undone', undone) };
    store.record({ kind: 'ended', deployment: deploymentId(base.id, key), end, endedAt }, going.get(key));
  };

  /** As it stands when its run ends: what outlasts the run is told by `endedLate`. */
  function endsNow(ends: Ends): Ends {
    return ends.map(([change, end]) => {
      const { key } = change;
      const last = carried.find(one => one.key === key);
      if (end.result !== 'failed' || end.undone !== undefined || !commitsBack.has(key)) return [change, end];
      if (last?.result !== 'in-progress') return [change, end];
      failedEnds.set(key, end);
      return [change, endOf(last)];
    });
  }

  /** A pass that changed nothing, or only found why it may not, writes no history: the next one finds the same. */
  function recordRun({ endedAt, plan = intent.plan(), next }: Report, ends: Ends, kept: () => void): void {
    if (plan === undefined || ends.every(([, end]) => end.result === 'skipped')) return kept();
    const run = { ...base, endedAt, plan, next, ...optional('commit', intent.commit()) };
    const deployments = ends.map(([change, end]) => {
      const { startedAt, endedAt: over } = times.get(change.key) ?? {};
      const own = end.result === 'in-progress' ? {} : optional('endedAt', over);
      return deploymentOf(run, change, end, { ...optional('startedAt', startedAt), ...own });
    });
    ports.crashPoint?.('before the run is noted');
    store.record({ kind: 'run', run, deployments }, kept);
    ports.crashPoint?.('after the run is noted');
  }

  /** The same run and ids as ever: also one that is told by the next process is told once. */
  function leftUnclear(change: IntendedChange): Unclear {
    const kept = intent.hold();
    const tell = (end: DeploymentEnd): void => {
      const plan = intent.plan();
      if (plan === undefined) return kept();
      const run = { ...base, endedAt: clock.now(), plan, next: nextOfUnclear, ...optional('commit', intent.commit()) };
      store.record({ kind: 'run', run, deployments: [deploymentOf(run, change, end)] }, kept);
    };
    return { change, tell, drop: kept };
  }

  return {
    runId: base.id,
    begins: ({ plan, desired }, commit) => {
      const { byKey } = lookupOf(desired);
      for (const { key } of plan.waves.flat()) {
        const commitBack = byKey.get(key)?.instead?.commit;
        if (commitBack !== undefined) commitsBack.set(key, commitBack);
      }
      return intent.begin(
        plan.waves.flat().map(change => intendedOf(change, byKey.get(change.key), commit)),
        plan,
        commit,
      );
    },
    condemns: (ill, plan, commit) =>
      intent.begin(
        ill.map(one => intendedIll(one, commit)),
        plan,
        commit,
      ),
    spared: keys => intent.forget(keys),
    unclear: keys => intent.changes().flatMap(one => (keys.has(one.key) && one.ill ? [leftUnclear(one)] : [])),
    began: key => {
      if (times.get(key)?.startedAt === undefined) times.set(key, { ...times.get(key), startedAt: clock.now() });
    },
    ended: key => void times.set(key, { ...times.get(key), endedAt: clock.now() }),
    carried: outcomes => {
      carried = [...outcomes, ...carried];
    },
    endedLate: outcome => {
      const endedAt = clock.now();
      if (early === undefined) note(outcome, endedAt);
      else early.push(() => note(outcome, endedAt));
    },
    finish: (report, broke) => {
      const ends = endsNow(endsOf(intent.changes(), broke === undefined ? report.outcomes : carried, broke));
      const kept = intent.hold();
      for (const [{ key }, { result }] of ends) if (result === 'in-progress') going.set(key, intent.hold());
      recordRun(report, ends, kept);
      early?.forEach(one => one());
      early = undefined;
    },
  };
}

interface Telling {
  readonly ports: Pick<Ports, 'store' | 'clock' | 'newId'>;
  readonly emit: (progress: Progress) => void;
}

/** The same context, whose progress is also kept where it says as what. */
export function recorded<C extends Telling>(context: C): C {
  const { ports, emit } = context;
  const emitAndKeep = (progress: Progress): void => {
    emit(progress);
    const { event: kind, machine, key, text, data } = progress;
    if (kind === undefined) return;
    const places = { ...(machine === undefined ? {} : { machine }), ...(key === undefined ? {} : { key }) };
    const event = { id: ports.newId(), at: ports.clock.now(), kind, ...places, text, ...(data && { data }) };
    ports.store.record({ kind: 'event', event });
  };
  return { ...context, emit: emitAndKeep };
}
