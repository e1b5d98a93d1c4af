// Tells who follows live how a run goes: its plan, what begins and ends of each change, and how the run came out.
import type { HistoryActor } from '../../schema/history.js';
import type { Followed, PlannedChange } from '../../schema/live.js';
import type { Next, Outcome, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Ports } from '../ports.js';
import { deploymentId, loopActor } from './record.js';

/** Of what one can follow: a change that is no part of a run (a resumed move alone) is not told. */
export interface Following {
  readonly ports: Pick<Ports, 'bus' | 'clock'>;
  readonly runId?: string;
}

/** A change of a run, as who follows knows it. */
export const followedOf = (run: string, key: PlacementKey): Followed => ({ key, deployment: deploymentId(run, key) });

interface Begun {
  readonly trigger: string;
  readonly actor?: HistoryActor | undefined;
}

export interface RunTeller {
  /** Before anything of it is carried out; again for what is tried again, and for what is brought back. */
  planned(plan: Plan): void;
  /** Of passes that planned something to do: of others there is nothing to tell. */
  ended(next: Next): void;
}

export function runTeller({ bus, clock }: Following['ports'], run: string, begun: Begun): RunTeller {
  const { trigger, actor = loopActor } = begun;
  let told = false;
  let over = false;
  return {
    planned: plan => {
      // What outlasts its pass may still go back; the run's end is told already.
      if (over || bus?.followed() !== true) return;
      told = true;
      const changes = plan.waves.flatMap((all, wave) =>
        all.map(({ key, kind, because }): PlannedChange => ({ ...followedOf(run, key), kind, because, wave })),
      );
      const { commit, id } = plan;
      bus.tell({ kind: 'run.planned', run, at: clock.now(), trigger, actor, commit, plan: id, changes });
    },
    ended: next => {
      over = true;
      if (told) bus?.tell({ kind: 'run.ended', run, at: clock.now(), next });
    },
  };
}

/** What goes on within a change. */
export function tellChange({ ports: { bus, clock }, runId }: Following, key: PlacementKey, text: string): void {
  if (runId === undefined || bus?.followed() !== true) return;
  bus.tell({ kind: 'deployment.told', run: runId, at: clock.now(), ...followedOf(runId, key), text });
}

/** What goes on is told when it has ended. */
export function tellOutcome({ ports: { bus, clock }, runId }: Following, outcome: Outcome): void {
  const { key, result } = outcome;
  if (runId === undefined || bus?.followed() !== true || result === 'in-progress') return;
  const why = result === 'skipped' ? { why: outcome.why } : {};
  const error = result === 'failed' ? { error: outcome.error } : {};
  const of = { run: runId, at: clock.now(), ...followedOf(runId, key) };
  bus.tell({ kind: 'deployment.ended', ...of, result, ...why, ...error });
}

/** The wait for health is the last step of a start; `failed` tells which did not pass. */
export function tellGates(
  { ports: { bus, clock }, runId }: Following,
  machine: string,
  keys: readonly PlacementKey[],
  failed?: (key: PlacementKey) => boolean,
): void {
  if (runId === undefined || bus?.followed() !== true) return;
  for (const key of keys) {
    const of = { run: runId, at: clock.now(), machine, of: [followedOf(runId, key)], what: gateStep };
    if (failed === undefined) bus.tell({ kind: 'step.begun', ...of });
    else bus.tell({ kind: 'step.ended', ...of, result: failed(key) ? 'failed' : 'done' });
  }
}

/** As history names it. */
export const gateStep = 'wait until it is healthy';
