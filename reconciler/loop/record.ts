// What is noted for history: the run of a pass that changed something, the late end of a change, and what is told on the way.
import { createHash } from 'node:crypto';
import type { Deployment, DeploymentEnd, HistoryActor } from '../../schema/history.js';
import type { Change, Outcome, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import { isStop } from '../core/plan.js';
import type { Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';

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

interface Wanted {
  readonly fingerprint: string;
  /** Where an older commit than the pass's is wanted. */
  readonly commit?: string;
}

interface Pass extends PassReport {
  readonly plan: Plan;
  readonly actor: HistoryActor;
  readonly wanted: ReadonlyMap<PlacementKey, Wanted>;
  /** Beside the plan: revisions that became ill after the pass that they were deployed in. */
  readonly condemned: readonly Change[];
}

/** Of which revision a change is: what became ill is what its stamp says, and not what is wanted since. */
function revisionOf(pass: Pass, change: Change): Partial<Wanted> {
  const { stamp } = change;
  if (pass.condemned.includes(change) && stamp !== undefined)
    return { commit: stamp.commit, ...(stamp.fingerprint === undefined ? {} : { fingerprint: stamp.fingerprint }) };
  const head = pass.commit === undefined ? {} : { commit: pass.commit };
  return isStop(change) ? head : { ...head, ...pass.wanted.get(change.key) };
}

function deploymentOf(pass: Pass, change: Change, outcome: Outcome): Deployment {
  const { key, service, machine, kind, reason, because, fields, stamp } = change;
  const previousCommit = stamp?.commit;
  return {
    id: deploymentId(pass.id, key),
    runId: pass.id,
    key,
    service,
    machine,
    kind,
    reason,
    because,
    fields,
    trigger: pass.trigger,
    actor: pass.actor,
    startedAt: pass.startedAt,
    endedAt: pass.endedAt,
    ...revisionOf(pass, change),
    ...(previousCommit === undefined ? {} : { previousCommit }),
    ...endOf(outcome),
  };
}

/** A pass that changed nothing, or only found why it may not, writes no history: the next one finds the same. */
function recordRun({ store }: Pick<Ports, 'store'>, pass: Pass): void {
  const { id, trigger, actor, commit, startedAt, endedAt, plan, next, outcomes } = pass;
  if (outcomes.every(one => one.result === 'skipped')) return;
  // A placement that was condemned and then changed again has both its outcomes under one key: the first one is told.
  const first = <T extends { readonly key: PlacementKey }>(all: readonly T[]): ReadonlyMap<PlacementKey, T> =>
    new Map(all.toReversed().map(one => [one.key, one]));
  const ended = first(outcomes);
  const changes = first([...pass.condemned, ...plan.waves.flat()]);
  const deployments = [...changes.values()].toReversed().flatMap(change => {
    const outcome = ended.get(change.key);
    return outcome === undefined ? [] : [deploymentOf(pass, change, outcome)];
  });
  const run = { id, trigger, actor, startedAt, endedAt, plan, next, ...(commit === undefined ? {} : { commit }) };
  store.record({ kind: 'run', run, deployments });
}

export interface RunRecorder {
  readonly runId: string;
  /** Told before anything is changed. */
  wants(desired: DesiredState): void;
  /** Revisions that the pass finds ill, though an earlier one called them healthy. */
  condemns(changes: readonly Change[]): void;
  /** What outlasted its pass has come to its end; also while the pass itself still ends. */
  endedLate(outcome: Outcome): void;
  finish(report: PassReport): void;
}

/** An end is noted after the run that it belongs to. */
export function recorderOf(
  ports: Pick<Ports, 'store' | 'clock'>,
  runId: string,
  actor: HistoryActor = loopActor,
): RunRecorder {
  const { store, clock } = ports;
  let wanted: ReadonlyMap<PlacementKey, Wanted> = new Map();
  let condemned: readonly Change[] = [];
  let early: (() => void)[] | undefined = [];
  const note = (outcome: Outcome, endedAt: number): void =>
    store.record({ kind: 'ended', deployment: deploymentId(runId, outcome.key), end: endOf(outcome), endedAt });
  return {
    runId,
    wants: ({ placements }) => {
      wanted = new Map(
        placements.map(({ key, fingerprint, instead }) => [
          key,
          { fingerprint, ...(instead && { commit: instead.commit }) },
        ]),
      );
    },
    condemns: changes => {
      condemned = changes;
    },
    endedLate: outcome => {
      const endedAt = clock.now();
      if (early === undefined) note(outcome, endedAt);
      else early.push(() => note(outcome, endedAt));
    },
    finish: report => {
      if (report.plan !== undefined) recordRun(ports, { ...report, plan: report.plan, actor, wanted, condemned });
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
