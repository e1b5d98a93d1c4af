// The health gate after a start: the placements of one machine side by side, asked quickly until they pass, fail or run out of time.
import type { PlacementKey } from '../../schema/registry-types.js';
import { type Ask, notRunning, type RunnerView } from '../checks/check.js';
import {
  beginGate,
  gateAnswer,
  gateAtDeadline,
  gatePassed,
  gaveUp,
  type GateProgress,
  type GateResult,
  nextStayUpAt,
  stayUpMs,
} from '../core/verify.js';
import { askTunnel, type CheckPorts, lookAtMachine } from './ask.js';
import { asksOf, type Checked, type CheckedMachine, type CheckLists, type Wanted } from './look-checks.js';
import { pause } from './pause.js';
import { around } from './spread.js';

export interface GateOptions {
  /** When the start returned, by the monotonic clock; default: now. Deadlines count from here. */
  readonly startedAt?: number;
  readonly signal?: AbortSignal;
  /** Called as each is decided. */
  readonly onResult?: (key: PlacementKey, result: GateResult) => void;
}

/** The first ask through a tunnel comes after that; then ever later, up to `slowestAskMs`. */
const firstAskMs = 80;
const slowestAskMs = 400;
const askGrowth = 1.7;
/** A runner that was seen down once is looked at again after that. */
const doubtMs = 500;

interface Gate {
  readonly placement: Checked;
  readonly asks: readonly Ask[];
  readonly deadlineMs: number;
  readonly deadlineAt: number;
  readonly decided: AbortController;
  progress: GateProgress;
  result?: GateResult;
  /** How many looks saw the runner in that state. */
  readonly looks: Map<string, number>;
}

interface GateRoom {
  readonly where: CheckedMachine;
  readonly lists: CheckLists;
  readonly ports: CheckPorts;
  readonly options: GateOptions;
}

function openGate(placement: Checked, startedAt: number, lists: CheckLists): Gate {
  const asks = asksOf(placement, lists);
  const { deadlineMs, startPeriodMs } = placement.spec.health;
  // A deadline too short for staying up could never be kept.
  const leastMs = asks.some(ask => ask.via === 'runner' || ask.via === 'machine') ? 2 * stayUpMs : 0;
  const limitMs = Math.max(deadlineMs + startPeriodMs, leastMs);
  return {
    placement,
    asks,
    deadlineMs: limitMs,
    deadlineAt: startedAt + limitMs,
    decided: new AbortController(),
    progress: beginGate(asks.length),
    looks: new Map(),
  };
}

function decide(gate: Gate, result: GateResult | undefined, room: GateRoom): void {
  if (gate.result !== undefined || result === undefined) return;
  gate.result = result;
  gate.decided.abort();
  room.options.onResult?.(gate.placement.key, result);
}

function take(gate: Gate, check: number, answer: Parameters<typeof gateAnswer>[2], room: GateRoom): void {
  if (gate.result !== undefined) return;
  gate.progress = gateAnswer(gate.progress, check, answer, room.ports.clock.monotonic());
  decide(gate, gatePassed(gate.progress), room);
}

/** Asks one check through the tunnel, ever more slowly; a passed one is asked again only when it is no longer. */
async function pollTunnel(gate: Gate, check: number, room: GateRoom): Promise<void> {
  const ask = gate.asks[check];
  if (ask === undefined || ask.via === 'runner' || ask.via === 'machine') return;
  const { clock } = room.ports;
  for (let attempt = 0; gate.result === undefined; attempt += 1) {
    const delayMs = Math.min(slowestAskMs, firstAskMs * askGrowth ** attempt);
    if (!(await pause(clock, around(delayMs, 0.25, `${gate.placement.key} ${check} ${attempt}`), gate.decided.signal)))
      return;
    if (gate.progress[check]?.passed === true) continue;
    const leftMs = Math.max(1, gate.deadlineAt - clock.monotonic());
    take(gate, check, await askTunnel(ask, gate.placement, room.where, room.ports, leftMs), room);
  }
}

function takeView(gate: Gate, view: RunnerView, clock: number | undefined, room: GateRoom): void {
  gate.asks.forEach((ask, check) => {
    if (ask.via === 'runner') take(gate, check, ask.judge(view, clock), room);
  });
  if (view.state === 'unknown') return;
  const run = view.state === 'absent' ? 'absent' : view.run;
  const looks = (gate.looks.get(run) ?? 0) + 1;
  gate.looks.set(run, looks);
  if (!gaveUp(run, looks)) return;
  decide(gate, { result: 'failed', found: notRunning(view)?.found ?? run, why: 'it did not stay up' }, room);
}

/** How long until the next look at the machine: often for a check's own words, gently where runners are only watched for giving up. */
function lookDelayMs(gates: readonly Gate[], look: number, now: number): number {
  const has = (via: Ask['via']) =>
    gates.some(gate => gate.asks.some((ask, check) => ask.via === via && gate.progress[check]?.passed !== true));
  const pace = (): number => {
    if (has('machine')) return Math.min(1000, 100 * 2 ** look);
    if (gates.some(gate => gate.looks.has('stopped') || gate.looks.has('crash-looping'))) return doubtMs;
    if (has('runner')) return look === 0 ? firstAskMs : 1000;
    return Math.min(3000, 1500 * 1.3 ** look);
  };
  const stayedUp = gates.flatMap(gate => nextStayUpAt(gate.progress) ?? []).map(at => at - now);
  return Math.max(firstAskMs, Math.min(pace(), ...stayedUp));
}

/** One exec for all that are not decided: runners that give up end their gates early; process, docker and command checks are answered. */
async function lookAtRunners(gates: readonly Gate[], room: GateRoom, over: AbortSignal): Promise<void> {
  const { clock } = room.ports;
  for (let look = 0; ; look += 1) {
    const open = gates.filter(gate => gate.result === undefined);
    if (open.length === 0 || !(await pause(clock, lookDelayMs(open, look, clock.monotonic()), over))) return;
    const wanted = gates.filter(gate => gate.result === undefined).map(gate => wantedNow(gate, room.lists));
    const looked = await lookAtMachine(wanted, room.where, room.lists, room.ports, room.options.signal);
    for (const gate of open) {
      gate.asks.forEach((ask, check) => {
        if (ask.via === 'machine') take(gate, check, looked.answer(gate.placement.key, check), room);
      });
      takeView(gate, looked.runner(gate.placement.key), looked.clock, room);
    }
  }
}

function wantedNow(gate: Gate, lists: CheckLists): Wanted {
  const own = gate.asks.flatMap((ask, check) => (ask.via === 'machine' ? [[check, ask] as const] : []));
  return {
    placement: gate.placement,
    runner: lists.drivers[gate.placement.spec.type] !== undefined,
    asks: new Map(own),
  };
}

async function watchDeadline(gate: Gate, room: GateRoom): Promise<void> {
  const { clock } = room.ports;
  if (await pause(clock, gate.deadlineAt - clock.monotonic(), gate.decided.signal)) {
    decide(gate, gateAtDeadline(gate.progress, gate.deadlineMs), room);
  }
}

/**
 * Waits until each has passed or failed: by its checks, by its runner giving up, or at its deadline
 * (`health.deadlineMs` and the start period; at least 10 s where staying up is wanted). When the signal fires, what is
 * not decided is unknown. Never rejects for what the machine does.
 */
export async function gate(
  placements: readonly Checked[],
  where: CheckedMachine,
  lists: CheckLists,
  ports: CheckPorts,
  options: GateOptions = {},
): Promise<ReadonlyMap<PlacementKey, GateResult>> {
  const room = { where, lists, ports, options };
  const startedAt = options.startedAt ?? ports.clock.monotonic();
  const gates = placements.map(placement => openGate(placement, startedAt, lists));
  const interrupt = () => gates.forEach(one => decide(one, { result: 'unknown', why: 'interrupted' }, room));
  options.signal?.addEventListener('abort', interrupt, { once: true });
  if (options.signal?.aborted === true) interrupt();

  // Without any check there is nothing to wait for.
  gates.forEach(one => decide(one, gatePassed(one.progress), room));

  const over = new AbortController();
  const work = [
    lookAtRunners(gates, room, over.signal),
    ...gates.map(one => watchDeadline(one, room)),
    ...gates.flatMap(one => one.asks.map((_, check) => pollTunnel(one, check, room))),
  ];
  // What is still under way when all is decided is not waited for.
  await Promise.race([allDecided(gates), Promise.all(work)]);
  over.abort();
  options.signal?.removeEventListener('abort', interrupt);
  return new Map(gates.map(one => [one.placement.key, one.result ?? gateAtDeadline(one.progress, one.deadlineMs)]));
}

async function allDecided(gates: readonly Gate[]): Promise<void> {
  await Promise.all(
    gates.map(async ({ decided: { signal } }) => {
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
    }),
  );
}
