// Moves a service whose data matter: stopped where it was, its data brought over and compared, started where it goes; or all of it undone.
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Change, Outcome, Undone } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { StampMove } from '../../schema/stamp-moves.js';
import type { LiveState, MachineSeen, Stamp } from '../../schema/state.js';
import { lookupOf, stampOf } from '../core/lookup.js';
import { basisOf, stampText } from '../core/ownership.js';
import { faultsOfRevision, movingStamp, prunedStamp } from '../core/stamps.js';
import { makeBatch } from './batch.js';
import { type BatchRun, failed } from './batch-run.js';
import type { BatchReading, StepFailure } from './batch-result.js';
import { carryOver, type CopyRun, type Load, survey } from './copy.js';
import { look } from './look.js';
import { claimTarget, giveBack, insist, type Moving, type Pair } from './move-target.js';
import { renewing } from './renew.js';
import { prepareSteps, resume, runStateOf } from './resume.js';
import { type Ended, finish, sendLocked } from './send.js';
import { withdraw } from './withdraw.js';

export interface MoveRun {
  readonly base: Omit<BatchRun, 'machine'>;
  /** Told when it is started where it goes. */
  readonly begun: BatchRun['told'];
  readonly from: Machine;
  readonly to: Machine;
}

function seenOn(live: LiveState, machine: string): MachineSeen {
  const view = live.machines[machine];
  if (view?.state === 'reachable') return view;
  throw new AppError(view?.error.code ?? 'ssh-unreachable', view?.error.message ?? `${machine} was not looked at`);
}

function begin({ base, begun, from, to }: MoveRun, pair: Pair): Moving {
  const placement = lookupOf(base.desired).byKey.get(pair.arriving.key);
  if (placement === undefined) throw new AppError('internal', `${pair.arriving.key} is planned and not wanted`);
  const seen = { seenFrom: seenOn(base.live, from.name), seenTo: seenOn(base.live, to.name) };
  return { ...pair, placement, from: { ...base, machine: from }, to: { ...base, machine: to, told: begun }, ...seen };
}

function copyOf(moving: Moving): CopyRun {
  const { from, to, placement, leaving, arriving } = moving;
  const { ports, desired, signal } = from;
  const told = (text: string): void => from.told(arriving.key, text);
  const ends = { from: from.machine, to: to.machine };
  return { ports, cluster: desired.cluster, ...ends, placement, stamp: leaving.stamp, signal, told };
}

/** Stopped by its own runner, and nobody listens on its ports any more. */
async function ensureStopped({ from, leaving }: Moving): Promise<void> {
  const state = await runStateOf(from, leaving.key);
  if (['running', 'starting', 'crash-looping'].includes(state))
    throw new AppError('not-converged', `${leaving.key}: every command succeeded, but it is still ${state}`);
  const { ports, lists, desired, machine } = from;
  const after = await look(ports, lists, desired, { only: new Set([machine.name]), leaving: from.leaving });
  const bound = seenOn(after, machine.name).listeners.find(one => leaving.stamp.ports.includes(one.port));
  if (bound !== undefined)
    throw new AppError(
      'not-converged',
      `${leaving.key} was stopped, and port ${bound.port} of ${machine.name} is still bound`,
    );
}

interface Arrival {
  readonly run: BatchRun;
  readonly change: Change;
}

/** The run and the change as they are by a fresh look: files may have come, and a stamp of ours. Throws when nobody can look. */
async function lookAgain({ to, arriving }: Moving): Promise<Arrival> {
  const { ports, lists, desired, leaving, machine } = to;
  const after = await look(ports, lists, desired, { only: new Set([machine.name]), leaving });
  const stamp = stampOf(seenOn(after, machine.name), arriving.service);
  const live = {
    ...to.live,
    machines: { ...to.live.machines, ...after.machines },
    sightings: { ...to.live.sightings, ...after.sightings },
  };
  const { stamp: _, ...rest } = arriving;
  const change: Change =
    stamp === undefined
      ? { ...rest, kind: 'create', basis: '' }
      : { ...rest, kind: 'update', basis: basisOf(stamp), stamp };
  return { run: { ...to, live }, change };
}

type Ending = Pick<Extract<Outcome, { result: 'failed' }>, 'error' | 'outputTail'>;

/** No fault of the move: it is tried again by itself. */
const passing: ReadonlySet<string> = new Set(['interrupted', 'machine-lock', 'machine-fenced', 'stale-plan']);

/** What is stopped and cannot be started again here is told too: a later pass tries it. */
async function undo(moving: Moving, stamp: Stamp, ending: Ending): Promise<readonly Outcome[]> {
  const { from, leaving } = moving;
  from.told(leaving.key, `starting again on ${from.machine.name}: the move failed`);
  const hold = !from.signal.aborted && !passing.has(ending.error.code);
  const back = await resume(from, leaving, stamp, hold);
  const undone: Undone =
    back.result === 'failed'
      ? {
          result: 'failed',
          error: back.error,
          ...(back.outputTail === undefined ? {} : { outputTail: back.outputTail }),
        }
      : { result: 'back', commit: leaving.stamp.commit };
  return outcomesOf(moving, { ...ending, undone });
}

const asItWas = ({ arriving, leaving }: Pair, made: Outcome): readonly Outcome[] => [
  made,
  { key: leaving.key, result: 'skipped', why: `${arriving.key} failed` },
];

/** Tried again by a person only: each try is a time in which it does not run. */
function outcomesOf({ arriving, leaving }: Pair, ending: Ending & { readonly undone?: Undone }): readonly Outcome[] {
  const error: ErrorReport = passing.has(ending.error.code) ? ending.error : { ...ending.error, retry: 'human' };
  return asItWas({ arriving, leaving }, { key: arriving.key, result: 'failed', ...ending, error });
}

const endingOf = (thrown: unknown): Ending => ({ error: asAppError(thrown).report() });

/** Where it may have been started by now it is stopped before it starts again here; where nobody can say, it does not. */
async function turnBack(
  moving: Moving,
  stamp: Stamp,
  reading: BatchReading,
  ending: Ending,
): Promise<readonly Outcome[]> {
  const { from, seenFrom, arriving } = moving;
  if (stamp.move?.state !== 'handed' || (await withdraw(moving.to, arriving))) return await undo(moving, stamp, ending);
  const why = `nobody can say whether it runs on ${moving.to.machine.name}: it is not started on ${from.machine.name}`;
  await finish(from, { stamps: [], forget: [] }, reading, seenFrom);
  return outcomesOf(moving, {
    ...ending,
    undone: { result: 'failed', error: new AppError('move-failed', why).report() },
  });
}

/** Of what it leaves: how far the move has come. */
const marked = ({ leaving, arriving, placement }: Moving, state: StampMove['state']): Stamp =>
  movingStamp(leaving.stamp, { machine: arriving.machine, of: placement.fingerprint }, state);

const note = (stamp: Stamp): Ended => ({ stamps: [{ service: stamp.service, text: stampText(stamp) }], forget: [] });

/** From here on it may run where it goes, so it must not run where it was. */
async function handOver(
  moving: Moving,
  stamp: Stamp,
  reading: BatchReading,
  { run, change }: Arrival,
): Promise<readonly Outcome[]> {
  const { from, seenFrom, leaving, arriving } = moving;
  const startedAt = from.ports.clock.monotonic();
  const handed = marked(moving, 'handed');
  if (stamp.move?.state !== 'handed') await finish(from, note(handed), reading, seenFrom, false);
  const [made] = await makeBatch(run, [change]);
  if (made?.result === 'applied') {
    await finish(from, note(prunedStamp(handed, seenFrom.facts.clock)), reading, seenFrom);
    const durationMs = from.ports.clock.monotonic() - startedAt;
    return [
      { ...made, kind: arriving.kind },
      { key: leaving.key, result: 'applied', kind: leaving.kind, durationMs },
    ];
  }
  const ending: Ending = made?.result === 'failed' ? made : endingOf(new AppError('internal', 'it had no outcome'));
  return await turnBack(moving, handed, reading, ending);
}

/** Stops it where it was; `bring`: what has to come over, and to be seen there, before it may start where it goes. */
async function leave(moving: Moving, bring: () => Promise<Arrival>): Promise<readonly Outcome[]> {
  const { from, seenFrom, leaving, arriving } = moving;
  const state = arriving.move.handed ? 'handed' : 'going';
  const stamp = marked(moving, state);
  from.told(leaving.key, `stopping: it moves to ${moving.to.machine.name}`);
  const reading = await sendLocked(from, [prepareSteps(from, leaving, stamp, 'pause')], seenFrom);
  if (reading.refused !== undefined) return outcomesOf(moving, { error: reading.refused });
  return await renewing(from, reading, async () => {
    let arrival: Arrival;
    try {
      insist(reading);
      await ensureStopped(moving);
      arrival = await bring();
    } catch (thrown) {
      if (asAppError(thrown).code === 'internal') from.ports.log.error({ err: thrown }, 'move broke');
      return await turnBack(moving, stamp, reading, endingOf(thrown));
    }
    from.ports.crashPoint?.('before it is handed over');
    return await handOver(moving, stamp, reading, arrival);
  });
}

/** Nothing was stopped. A fault of the revision is noted where it runs: it is not tried again by itself. */
async function stay(moving: Moving, { error, output }: StepFailure): Promise<readonly Outcome[]> {
  const { from, seenFrom, leaving, arriving } = moving;
  if (!faultsOfRevision.has(error.code)) return asItWas(moving, failed(arriving, error, output));
  const reading = insist(await sendLocked(from, [prepareSteps(from, leaving, leaving.stamp)], seenFrom));
  await finish(from, note(marked(moving, 'failed')), reading, seenFrom);
  const undone: Undone = { result: 'back', commit: leaving.stamp.commit };
  return outcomesOf(moving, { ...failed(arriving, error, output), undone });
}

/** The machine that it goes to is ours for the time before anything is stopped. */
async function carry(moving: Moving, load: Load | undefined): Promise<readonly Outcome[]> {
  if (load === undefined) return await leave(moving, () => lookAgain(moving));
  const target = await claimTarget(moving);
  const failure = target.failures.get(0);
  if (failure !== undefined) {
    await giveBack(moving, target, false);
    return await stay(moving, failure);
  }
  insist(target);
  let [landed, begins] = [false, false];
  const bring = async (): Promise<Arrival> => {
    await carryOver(copyOf(moving), load, target.fence);
    landed = true;
    const arrival = await lookAgain(moving);
    begins = true;
    return arrival;
  };
  try {
    return await renewing(moving.to, target, () => leave(moving, bring));
  } finally {
    if (!begins) await giveBack(moving, target, landed);
  }
}

/** Never throws for what the machines do: both changes have their outcome. */
export async function makeMove(run: MoveRun, pair: Pair): Promise<readonly Outcome[]> {
  try {
    const moving = begin(run, pair);
    const { copies, handed } = pair.arriving.move;
    const load = copies && !handed ? await survey(copyOf(moving), pair.arriving.stamp) : undefined;
    return await carry(moving, load);
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') run.base.ports.log.error({ err: thrown }, 'move broke');
    return asItWas(pair, failed(pair.arriving, error.report()));
  }
}
