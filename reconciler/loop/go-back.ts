// Brings the last healthy revision back on a machine whose batch found its new one ill, before anything else is done there.
import { asAppError } from '../../schema/errors.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Instead } from '../../schema/state.js';
import { faultsOfRevision } from '../core/stamps.js';
import { withUndone } from '../core/undone.js';
import { makeBatch } from './batch.js';
import type { BatchRun } from './batch-run.js';
import { checkOnce } from './check.js';
import { type Considered, consider, reachableOf } from './preview.js';
import type { Synced } from './sync.js';

/** What a batch needs to go back by itself. */
export interface WayBack {
  readonly synced: Synced;
  readonly from: 'commit' | 'files';
  /** Before anything of it is changed. */
  readonly begins: (considered: Considered) => Promise<void>;
  /** Of each that goes back: that it failed, and how going back to `commit` ended. */
  readonly tell: (outcome: Outcome, commit?: string) => void;
}

/** A dependency that has not answered by then holds nothing up. */
const dependenciesMs = 5000;

/** Outcomes whose revision is to blame, and which were not undone yet. */
export const faultyOf = (outcomes: readonly Outcome[]): readonly Outcome[] =>
  outcomes.filter(one => one.result === 'failed' && one.undone === undefined && faultsOfRevision.has(one.error.code));

/** The plan of a fresh look, cut down to going back from these, and to what. */
export function backFrom(
  { plan, desired }: Considered,
  failed: readonly Outcome[],
): { readonly changes: readonly Change[]; readonly instead: ReadonlyMap<PlacementKey, Instead> } {
  const instead = new Map(
    desired.placements.flatMap(one => (one.instead === undefined ? [] : [[one.key, one.instead] as const])),
  );
  const keys = new Set(failed.map(one => one.key).filter(key => instead.has(key)));
  return { instead, changes: plan.waves.flat().filter(change => keys.has(change.key)) };
}

/** Without those whose dependencies are ill: an older revision would fail for that alone, and be held for ever. */
async function ableOf(
  { ports, lists, signal }: BatchRun,
  { desired, live }: Considered,
  changes: readonly Change[],
): Promise<readonly Change[]> {
  const needed = new Set(changes.flatMap(change => change.after));
  const placements = desired.placements.filter(one => needed.has(one.key));
  if (placements.length === 0) return changes;
  const options = { sightings: live.sightings, signal, timeLimitMs: dependenciesMs };
  const verdicts = await checkOnce(placements, reachableOf({ desired, live }), lists, { ...ports }, options);
  return changes.filter(change => change.after.every(key => verdicts.get(key)?.state !== 'fail'));
}

/**
 * It is an ordinary plan, made from a fresh look at this machine alone: the stamps say what failed and what was healthy, so
 * a controller that is killed here goes on in its next pass. What cannot be gone back from now is left to that of the pass.
 */
export async function goBackOn(way: WayBack, run: BatchRun, outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
  const failed = faultyOf(outcomes);
  if (failed.length === 0 || run.signal.aborted) return outcomes;
  const { ports, lists, machine, live, leaving } = run;
  const only = failed.map(one => one.key.slice(0, one.key.indexOf('@')));
  try {
    const there = { machine, live, leaving };
    const considered = await consider(ports, lists, way.synced, { from: way.from, only, noDeps: true, there });
    const { changes: all, instead } = backFrom(considered, failed);
    const changes = await ableOf(run, considered, all);
    // What was stopped for a move takes the machine's lock for itself.
    const mixed = run.under !== undefined && changes.some(change => change.resumes !== undefined);
    if (changes.length === 0 || considered.plan.held !== undefined || mixed) return outcomes;
    await way.begins({ ...considered, plan: { ...considered.plan, waves: [changes] } });
    for (const one of failed.filter(({ key }) => changes.some(change => change.key === key))) way.tell(one);
    const { desired, live: now, olderFiles } = considered;
    const back = await makeBatch({ ...run, desired, live: now, olderFiles }, changes);
    for (const one of back) way.tell(one, instead.get(one.key)?.commit);
    return withUndone(outcomes, back, instead);
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') ports.log.error({ err: thrown, machine: machine.name }, 'going back broke');
    else ports.log.debug({ machine: machine.name, code: error.code }, 'not gone back yet');
    return outcomes;
  }
}
