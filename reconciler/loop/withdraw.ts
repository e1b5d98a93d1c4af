// Stops where it was to go what did not become healthy there, while what it came from is to run, or runs on.
import { AppError, asAppError } from '../../schema/errors.js';
import type { Change, Outcome, Undone } from '../../schema/plan.js';
import type { MachineSeen, Stamp } from '../../schema/state.js';
import { lookupOf, stampOf } from '../core/lookup.js';
import { optional } from '../core/optional.js';
import { basisOf } from '../core/ownership.js';
import type { BatchRun } from './batch-run.js';
import { carryOut } from './carry-out.js';
import { look } from './look.js';
import { prepareStop } from './prepare.js';

interface Found {
  readonly view: MachineSeen;
  readonly stamp: Stamp | undefined;
}

/** undefined: nobody can say. */
async function lookThere({ ports, lists, desired, leaving, machine }: BatchRun, service: string) {
  const after = await look(ports, lists, desired, { only: new Set([machine.name]), leaving });
  const view = after.machines[machine.name];
  return view?.state === 'reachable' ? ({ view, stamp: stampOf(view, service) } satisfies Found) : undefined;
}

/** False: nobody can say that nothing of it runs there. */
async function stopThere(to: BatchRun, arriving: Change, { view, stamp }: Found): Promise<boolean> {
  if (stamp === undefined || stamp.prunedAt !== undefined) return true;
  const change: Change = { ...arriving, kind: 'stop', reason: 'moved', basis: basisOf(stamp), stamp };
  const placements = to.desired.placements.filter(one => one.key !== arriving.key);
  try {
    const run = { ...to, live: { ...to.live, machines: { ...to.live.machines, [to.machine.name]: view } } };
    const [stopped] = await carryOut(run, [prepareStop(run, change, stamp, view)], view, { ...to.desired, placements });
    return stopped?.result === 'applied';
  } catch (thrown) {
    to.ports.log.debug({ machine: to.machine.name, err: thrown }, 'not stopped after a failed move');
    return false;
  }
}

/** Stops what may run of it where it was to go; false: nobody can say that nothing does. */
export async function withdraw(to: BatchRun, arriving: Change): Promise<boolean> {
  const found = await lookThere(to, arriving.service);
  return found !== undefined && (await stopThere(to, arriving, found));
}

/** What of the plan moves to here from where it runs on until it is healthy here. */
const leavingFor = (arriving: Change, changes: readonly Change[]): Change | undefined =>
  changes.find(one => one.reason === 'moved' && one.service === arriving.service && one.after.includes(arriving.key));

/**
 * After a plain move whose new end was judged ill: what it came from runs still, so nothing of the new one is left
 * running. One that has an earlier revision here goes back to that instead, and `on_failure` may want it left.
 */
async function undoneOf(run: BatchRun, arriving: Change, leaving: Change): Promise<Undone | undefined> {
  const placement = lookupOf(run.desired).byKey.get(arriving.key);
  if (placement?.spec.policy.onFailure !== 'rollback') return undefined;
  const found = await lookThere(run, arriving.service);
  if (found !== undefined && (found.stamp?.failed !== placement.fingerprint || found.stamp.healthy !== undefined))
    return undefined;
  run.ports.crashPoint?.('before a move is withdrawn');
  run.told(arriving.key, `stopping it again: it is not healthy, and runs on ${leaving.machine} still`);
  if (found !== undefined && (await stopThere(run, arriving, found)))
    return { result: 'back', commit: leaving.stamp?.commit ?? '' };
  const why = `nobody can say whether it runs on ${run.machine.name} still, beside ${leaving.machine}`;
  return { result: 'failed', error: new AppError('move-failed', why).report() };
}

/** The outcomes of a batch, with what was stopped again of plain moves; `changes`: all of the plan. */
export async function withdrawIll(
  run: BatchRun,
  made: readonly Change[],
  outcomes: readonly Outcome[],
  changes: readonly Change[],
): Promise<readonly Outcome[]> {
  const all: Outcome[] = [];
  for (const outcome of outcomes) {
    const arriving = made.find(one => one.key === outcome.key);
    const leaving = arriving === undefined ? undefined : leavingFor(arriving, changes);
    // What went back here already, or could not, has been told so: it is not stopped.
    const ill = outcome.result === 'failed' && outcome.error.code === 'gate-failed' && outcome.undone === undefined;
    if (!ill || arriving === undefined || leaving === undefined) all.push(outcome);
    else all.push({ ...outcome, ...optional('undone', await undoneOf(run, arriving, leaving).catch(unseen)) });
  }
  return all;
}

const unseen = (thrown: unknown): Undone => ({ result: 'failed', error: asAppError(thrown).report() });
