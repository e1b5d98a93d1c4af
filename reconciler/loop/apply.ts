// Carries a plan out: one queue per machine, each batch as soon as what it depends on is done; nothing waits for a stranger.
import PQueue from 'p-queue';
import { joinSignals } from '../../schema/joined-signal.js';
import type { Change, Outcome, Plan } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { LockHolder } from '../commands/lock.js';
import { isStop } from '../core/plan.js';
import { wayBackOf } from '../core/undone.js';
import type { Ports } from '../ports.js';
import { type ApplyRun, type Room, skipped } from './apply-room.js';
import { noter, tell, teller } from './apply-told.js';
import { makeBatch } from './batch.js';
import type { BatchRun } from './batch-run.js';
import { goBackOn } from './go-back.js';
import { makeMove } from './move.js';
import type { Pair } from './move-target.js';
import { askDependencies, obstacle } from './obstacle.js';
import { pause } from './pause.js';
import { sessionOf } from './session.js';
import { withdrawIll } from './withdraw.js';

/** Nothing was begun, because somebody else was quicker: no failure of the change. */
const theirTurn: ReadonlySet<string> = new Set(['machine-lock', 'stale-plan']);

function leftToOthers(outcome: Outcome): Outcome {
  if (outcome.result !== 'failed' || !theirTurn.has(outcome.error.code)) return outcome;
  return { key: outcome.key, result: 'skipped', why: outcome.error.message };
}

/** Why nothing more is begun at all; asked when everything that was waited for has come. */
function tooLate(room: Room): string | undefined {
  if (room.signal.aborted) return 'interrupted';
  return room.superseded() ? 'a newer commit came; the next pass looks again' : undefined;
}

async function runBatch(room: Room, machine: Machine, changes: readonly Change[]): Promise<readonly Outcome[]> {
  const obstacles = await Promise.all(changes.map(async change => ({ change, why: await obstacle(room, change) })));
  const ready = obstacles.filter(one => one.why === undefined).map(one => one.change);
  const held = obstacles.flatMap(({ change, why }) => (why === undefined ? [] : [skipped(change, why)]));
  if (ready.length === 0) return held;
  const run: BatchRun = { ...room, machine, told: teller(room) };
  const goBack: NonNullable<BatchRun['goBack']> = (from, outcomes, under) =>
    goBackIn(room, { ...from, under }, outcomes);
  const done = await room.workers.add(async () => {
    const late = tooLate(room);
    if (late !== undefined) return ready.map(change => skipped(change, late));
    const judged = await makeBatch(room.wayBack === undefined ? run : { ...run, goBack }, ready);
    const withdrawn = await withdrawIll({ ...room, machine, told: noter(room) }, ready, judged, room.changes);
    const made = await goBackIn(room, run, withdrawn);
    // A person who waits is told that it failed, and it is tried again for that person; a controller just looks again.
    return room.toTheEnd ? made : made.map(leftToOthers);
  });
  return [...held, ...done];
}

/** What serves is brought back where it failed, before anything else of the plan is waited for. */
async function goBackIn(room: Room, run: BatchRun, outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
  if (room.wayBack === undefined) return outcomes;
  const tellNow = (outcome: Outcome, back?: string): void => {
    room.toldEnds.add(outcome.key);
    tell(room, outcome, back);
  };
  return await goBackOn({ ...room.wayBack, tell: tellNow }, run, outcomes);
}

export const holderOf = async ({ state }: Ports): Promise<LockHolder> => ({
  controller: await state.controllerId(),
  process: state.processName,
});

/** Wave by wave the batches are laid out; each waits only for its machine's earlier batch and for its own dependencies. */
export async function apply(run: ApplyRun, plan: Plan): Promise<readonly Outcome[]> {
  const { ports, desired } = run;
  const holder = await holderOf(ports);
  const workers = new PQueue({ concurrency: desired.policy.parallel ?? Number.POSITIVE_INFINITY });
  const pairs = pairsOf(plan);
  const paired = new Set(pairs.flatMap(pair => [pair.arriving.key, pair.leaving.key]));
  const dependencies = askDependencies(run);
  const changes = plan.waves.flat();
  const room: Room = {
    ...run,
    holder,
    outcomes: new Map(),
    dependencies,
    workers,
    paired,
    changes,
    toldEnds: new Set(),
  };
  const machines = new Map([...desired.machines, ...run.leaving].map(machine => [machine.name, machine]));
  const queues = new Map<string, Promise<unknown>>();
  const { busy } = sessionOf(ports);
  /** Work that has these machines to itself, after what was laid out for them before. */
  const layOut = (
    names: readonly string[],
    changes: readonly Change[],
    make: () => Promise<readonly Outcome[]>,
  ): void => {
    const before = names.flatMap(name => queues.get(name) ?? []);
    // What a person does there meanwhile, by this process, comes to its end first.
    const others = names.flatMap(name => (queues.has(name) ? [] : (busy.get(name) ?? [])));
    const work = (async () => {
      await Promise.allSettled(others);
      for (const one of before) await one;
      return await make();
    })();
    for (const name of names) {
      queues.set(name, work);
      busy.set(name, work);
    }
    for (const change of changes) {
      const outcome = work.then(
        outcomes => outcomes.find(one => one.key === change.key) ?? skipped(change, 'it had no outcome'),
      );
      room.outcomes.set(change.key, outcome);
      const back = wayBackOf(change, desired)?.commit;
      outcome.then(one => room.toldEnds.has(one.key) || tell(room, one, back)).catch(() => undefined);
    }
  };
  for (const wave of plan.waves) {
    for (const pair of pairs.filter(one => wave.some(change => change.key === one.arriving.key))) {
      const [from, to] = [machines.get(pair.leaving.machine), machines.get(pair.arriving.machine)];
      if (from === undefined || to === undefined) continue;
      layOut([from.name, to.name], [pair.arriving, pair.leaving], () => runMove(room, { from, to }, pair));
    }
    for (const [name, changes] of byMachine(wave.filter(change => !paired.has(change.key)))) {
      const machine = machines.get(name);
      if (machine !== undefined) layOut([name], changes, () => runBatch(room, machine, changes));
    }
  }
  for (const [name, queue] of queues) {
    const free = () => {
      if (busy.get(name) === queue) busy.delete(name);
    };
    queue.then(free, free);
  }
  return await settle(room, plan);
}

/** A service that is stopped before it starts elsewhere: its two changes are one piece of work on both machines. */
function pairsOf(plan: Plan): readonly Pair[] {
  const changes = plan.waves.flat();
  return changes.flatMap(arriving => {
    const { move, service } = arriving;
    const leaving = changes.find(one => one.service === service && one.machine === move?.from && isStop(one));
    const stamp = leaving?.stamp;
    if (move === undefined || leaving === undefined || stamp === undefined) return [];
    return [{ arriving: { ...arriving, move }, leaving: { ...leaving, stamp } }];
  });
}

async function runMove(
  room: Room,
  ends: { readonly from: Machine; readonly to: Machine },
  pair: Pair,
): Promise<readonly Outcome[]> {
  const both = (why: string): readonly Outcome[] => [skipped(pair.arriving, why), skipped(pair.leaving, why)];
  const why = await obstacle(room, pair.arriving);
  if (why !== undefined) return both(why);
  return await room.workers.add(async () => {
    const late = tooLate(room);
    if (late !== undefined) return both(late);
    return await makeMove({ base: { ...room, told: noter(room) }, begun: teller(room), ...ends }, pair);
  });
}

function byMachine(changes: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const groups = new Map<string, Change[]>();
  for (const change of changes) groups.set(change.machine, [...(groups.get(change.machine) ?? []), change]);
  return groups;
}

/** What outlasts the pass's interval, or the pass itself when that has to hurry, goes on alone; its machine is left out of plans until it ends. */
async function settle(room: Room, plan: Plan): Promise<readonly Outcome[]> {
  const over = new AbortController();
  const { signal: ending, part } = joinSignals(over.signal, ...(room.hurry === undefined ? [] : [room.hurry]));
  const late = pause(room.ports.clock, room.desired.policy.intervalMs, ending).then(() => undefined);
  const outcomes = Promise.all(
    plan.waves.flat().map(async (change): Promise<Outcome> => {
      const outcome = room.outcomes.get(change.key);
      if (outcome === undefined) return skipped(change, 'its machine is not known');
      const first = room.toTheEnd ? await outcome : await Promise.race([outcome, late]);
      if (first === undefined) outcome.then(end => room.endedLate?.(end)).catch(() => undefined);
      return (
        first ?? {
          key: change.key,
          result: 'in-progress',
          why: `it goes on; ${change.machine} is left out until it ends`,
        }
      );
    }),
  );
  return await outcomes.finally(() => [over.abort(), part()]);
}
