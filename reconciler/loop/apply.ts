// Carries a plan out: one queue per machine, each batch as soon as what it depends on is done; nothing waits for a stranger.
import PQueue from 'p-queue';
import { joinSignals } from '../../schema/joined-signal.js';
import type { Change, Outcome, Plan } from '../../schema/plan.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import type { LockHolder } from '../commands/lock.js';
import { isFirstStart, isStop } from '../core/plan.js';
import { lacks } from '../core/withdrawal.js';
import type { Lists, Progress } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';
import { makeBatch } from './batch.js';
import type { BatchRun } from './batch-run.js';
import { goBackOn, type WayBack } from './go-back.js';
import { tellChange, tellOutcome } from './follow.js';
import { gate } from './gate.js';
import { makeMove, type Pair } from './move.js';
import { pause } from './pause.js';
import { sessionOf } from './session.js';
import { timeOfDay } from './waits.js';
import { withdrawIll } from './withdraw.js';

export interface ApplyRun {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly files: RepoFiles;
  /** Of placements that are of an older commit. */
  readonly olderFiles: ReadonlyMap<PlacementKey, RepoFiles>;
  /** Machines that left the registry, at their old addresses. */
  readonly leaving: readonly Machine[];
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
  /** A newer commit was seen: what runs is finished, what has not begun is left to the next pass. */
  readonly superseded: () => boolean;
  readonly watch?: { pause(key: PlacementKey): void; resume(key: PlacementKey): void };
  /** Wait for changes that outlast the pass's interval too (a pass that a person waits for). */
  readonly toTheEnd: boolean;
  /** Something is to be settled that cannot wait: what is not done by then goes on alone, as past the interval. */
  readonly hurry?: AbortSignal;
  /** Told of what was `in-progress` when the plan's outcomes were given, once it has come to its end. */
  readonly endedLate?: (outcome: Outcome) => void;
  /** The run that it is part of, for the journal. */
  readonly runId?: string;
  /** How a batch goes back from what failed in it; absent: this is going back already. */
  readonly wayBack?: Omit<WayBack, 'tell'>;
}

const skipped = (change: Change, why: string): Outcome => ({ key: change.key, result: 'skipped', why });

/** Nothing was begun, because somebody else was quicker: no failure of the change. */
const theirTurn: ReadonlySet<string> = new Set(['machine-lock', 'stale-plan']);

function leftToOthers(outcome: Outcome): Outcome {
  if (outcome.result !== 'failed' || !theirTurn.has(outcome.error.code)) return outcome;
  return { key: outcome.key, result: 'skipped', why: outcome.error.message };
}

/** Whether a dependency outside the plan is healthy now; asked once a pass. */
type Dependencies = (key: PlacementKey) => Promise<string | undefined>;

function askDependencies(run: ApplyRun): Dependencies {
  const asked = new Map<PlacementKey, Promise<string | undefined>>();
  const ask = async (key: PlacementKey): Promise<string | undefined> => {
    const placement = run.desired.placements.find(one => one.key === key);
    const machine = run.desired.machines.find(one => one.name === placement?.spec.machine);
    const seen = machine === undefined ? undefined : run.live.machines[machine.name];
    if (placement === undefined || machine === undefined) return `${key} is not in the registry`;
    if (seen?.state !== 'reachable') return `unknown: ${key} cannot be looked at`;
    const results = await gate(
      [placement],
      { machine, cluster: run.desired.cluster, facts: seen.facts },
      run.lists,
      { ...run.ports },
      { signal: run.signal },
    );
    const result = results.get(key);
    if (result?.result === 'passed') return undefined;
    if (run.signal.aborted) return 'interrupted';
    return result?.result === 'failed'
      ? `${key} is not healthy: ${result.found}`
      : `unknown: ${key} cannot be looked at`;
  };
  return key => {
    const known = asked.get(key) ?? ask(key);
    asked.set(key, known);
    return known;
  };
}

interface Room extends ApplyRun {
  readonly holder: LockHolder;
  readonly outcomes: Map<PlacementKey, Promise<Outcome>>;
  readonly dependencies: Dependencies;
  readonly workers: PQueue;
  /** Changes of moves that stop before they start. */
  readonly paired: ReadonlySet<PlacementKey>;
  /** All of the plan. */
  readonly changes: readonly Change[];
  /** Those whose end was told while their batch went on. */
  readonly toldEnds: Set<PlacementKey>;
}

/** Why a change may not begin; undefined: it may. What it waits for in the plan is waited for here. */
async function obstacle(room: Room, change: Change): Promise<string | undefined> {
  // Without its other half it would run on two machines.
  if (change.move !== undefined && !room.paired.has(change.key))
    return `what is on ${change.move.from} is not in the plan`;
  for (const key of change.after) {
    const before = await room.outcomes.get(key);
    if (before?.result === 'failed') return `${key} failed`;
    if (before?.result === 'skipped') return `${key} was skipped`;
    if (before !== undefined && lacks(change, before, room.desired)) return `${key} is stopped: it failed`;
    if (before !== undefined || isStop(change)) continue;
    const why = await room.dependencies(key);
    if (why === undefined) continue;
    // An unknown dependency holds back only what never ran: a restart of what runs is no worse than before.
    if (!why.startsWith('unknown: ') || isFirstStart(change)) return why.replace(/^unknown: /, '');
  }
  return undefined;
}

/** Why nothing more is begun at all; asked when everything that was waited for has come. */
function tooLate(room: Room): string | undefined {
  if (room.signal.aborted) return 'interrupted';
  return room.superseded() ? 'a newer commit came; the next pass looks again' : undefined;
}

function teller(room: Room): BatchRun['told'] {
  return (key, text) => {
    const machine = key.slice(key.indexOf('@') + 1);
    room.watch?.pause(key);
    room.emit({ kind: 'change', machine, key, text, event: 'deploy.begun' });
    tellChange(room, key, text);
    const deadlineMs = room.desired.placements.find(one => one.key === key)?.spec.health.deadlineMs;
    if (deadlineMs === undefined) return;
    const until = timeOfDay(room.ports.clock.now() + deadlineMs);
    room.emit({ kind: 'waiting', machine, key, text: `that it is healthy, until about ${until}` });
  };
}

/** What goes on within a change that has begun. */
const noter =
  (room: Room): BatchRun['told'] =>
  (key, text) => {
    room.emit({ kind: 'change', machine: key.slice(key.indexOf('@') + 1), key, text });
    tellChange(room, key, text);
  };

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
  const tellNow = (outcome: Outcome): void => {
    room.toldEnds.add(outcome.key);
    tell(room, outcome);
  };
  return await goBackOn({ ...room.wayBack, tell: tellNow }, run, outcomes);
}

function tell(room: Room, outcome: Outcome): void {
  room.watch?.resume(outcome.key);
  const machine = outcome.key.slice(outcome.key.indexOf('@') + 1);
  const text = {
    applied: () => 'healthy',
    failed: () => (outcome.result === 'failed' ? `failed: ${outcome.error.message}` : ''),
    skipped: () => (outcome.result === 'skipped' ? `skipped: ${outcome.why}` : ''),
    'in-progress': () => 'goes on',
  }[outcome.result]();
  const stopped = outcome.result === 'applied' && ['stop', 'remove', 'release'].includes(outcome.kind);
  const event = events[outcome.result];
  room.emit({ kind: 'change', machine, key: outcome.key, text: stopped ? 'done' : text, ...(event && { event }) });
  tellOutcome(room, outcome);
}

/** What is skipped may be skipped at every pass: it is told, and no event. */
const events = {
  applied: 'deploy.done',
  failed: 'deploy.failed',
  skipped: undefined,
  'in-progress': undefined,
} as const;

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
      outcome.then(one => room.toldEnds.has(one.key) || tell(room, one)).catch(() => undefined);
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
