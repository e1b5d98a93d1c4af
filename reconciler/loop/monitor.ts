// Checks health continuously, for `run`: every placement at its own pace, what a machine's exec can serve together in one.
import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { Answer } from '../checks/check.js';
import {
  type HealthRecord,
  type HealthStep,
  type HealthTransition,
  judgeHealth,
  leaveHealth,
  restartHealth,
  suspendHealth,
  unsuspendHealth,
} from '../core/health.js';
import { askAtOnce, dueNow, hold, newWatch, nextDelayMs, type Watch } from './monitor-watch.js';
import { askRound, type CheckPorts, tunnelsPerMachine } from './ask.js';
import { asksOf, type Checked, type CheckedMachine, type CheckLists } from './look-checks.js';
import { pause } from './pause.js';

export interface MonitorTransition extends HealthTransition {
  readonly key: PlacementKey;
  readonly machine: string;
  /** A change of ours, a suspend, or that nobody watches it any more: neither an outage nor its end. */
  readonly planned: boolean;
}

export interface Monitor {
  /**
   * The whole of what is checked from now on. What was checked before keeps its state; what is new is checked within 2 s;
   * what is left out becomes unknown, so that its last state does not go on for ever in history.
   */
  update(placements: readonly Checked[], machines: readonly CheckedMachine[]): void;
  /** A change of it begins: `starting`, and nothing is asked. */
  pause(key: PlacementKey): void;
  /** The change is over: its start period begins, and it is asked at once. */
  resume(key: PlacementKey): void;
  status(): ReadonlyMap<PlacementKey, HealthRecord>;
  /** Ends all waiting and the execs under way; nothing is told afterwards. */
  stop(): Promise<void>;
}

export interface MonitorOptions {
  readonly onTransition: (transition: MonitorTransition) => void;
}

const idleMs = 3_600_000;

interface MachineWatch {
  where: CheckedMachine;
  readonly watches: Map<PlacementKey, Watch>;
  readonly tunnels: PQueue;
  /** Ends its sleep. */
  wake: AbortController;
  gone: boolean;
  loop: Promise<void>;
}

const isSuspended = ({ spec }: Checked, { machine }: CheckedMachine) => spec.suspend ?? machine.suspend;

/** Starts without anything to check; `update` says what. Machines do not wait for each other. */
export function startMonitor(ports: CheckPorts, lists: CheckLists, options: MonitorOptions): Monitor {
  const { clock } = ports;
  const machines = new Map<string, MachineWatch>();
  /** Being changed; a placement may be paused before it is known here. */
  const paused = new Set<PlacementKey>();
  const leaving = new Set<Promise<void>>();
  const stopping = new AbortController();
  // Every exec under way listens: one per machine and round.
  setMaxListeners(0, stopping.signal);

  function apply(one: MachineWatch, watch: Watch, step: HealthStep, planned: boolean): void {
    watch.record = step.record;
    const { transition } = step;
    if (transition === undefined) return;
    options.onTransition({ ...transition, key: watch.placement.key, machine: one.where.machine.name, planned });
  }

  function conclude(one: MachineWatch, watch: Watch, round: number, answers: readonly Answer[]): void {
    if (watch.asking !== round || one.watches.get(watch.placement.key) !== watch || stopping.signal.aborted) return;
    watch.asking = undefined;
    apply(one, watch, judgeHealth(watch.record, answers, clock.now(), watch.placement.spec.health), false);
  }

  /** One round for all that is due. Its answers are not waited for: a hanging check delays nobody else. */
  function ask(one: MachineWatch): void {
    const now = clock.monotonic();
    const due = dueNow([...one.watches.values()], now);
    if (due.length === 0) return;
    for (const watch of due) {
      watch.rounds += 1;
      watch.dueAt = now + nextDelayMs(watch);
      watch.asking = watch.rounds;
    }
    const round = { signal: stopping.signal, tunnels: one.tunnels };
    const placements = due.map(watch => watch.placement);
    const answers = askRound(placements, one.where, lists, ports, round);
    for (const watch of due) {
      const { rounds } = watch;
      answers.get(watch.placement.key)?.then(
        found => conclude(one, watch, rounds, found),
        (err: unknown) => ports.log.error({ err, placement: watch.placement.key }, 'a health check broke'),
      );
    }
  }

  async function watchMachine(one: MachineWatch): Promise<void> {
    while (!one.gone) {
      ask(one);
      one.wake = new AbortController();
      const nextAt = Math.min(...[...one.watches.values()].map(watch => watch.dueAt));
      await pause(clock, Math.min(idleMs, Math.max(0, nextAt - clock.monotonic())), one.wake.signal);
    }
  }

  function enter(where: CheckedMachine): MachineWatch {
    const tunnels = new PQueue({ concurrency: tunnelsPerMachine });
    const wake = new AbortController();
    const one: MachineWatch = { where, watches: new Map(), tunnels, wake, gone: false, loop: Promise.resolve() };
    machines.set(where.machine.name, one);
    return one;
  }

  function leave(name: string, one: MachineWatch): void {
    machines.delete(name);
    one.gone = true;
    one.wake.abort();
    leaving.add(one.loop);
    void one.loop.finally(() => leaving.delete(one.loop));
  }

  function updateWatch(one: MachineWatch, placement: Checked): void {
    const { key } = placement;
    const known = one.watches.get(key);
    const watch = known ?? newWatch(placement, clock.now(), clock.monotonic());
    const changed = JSON.stringify(watch.placement.spec.health) !== JSON.stringify(placement.spec.health);
    watch.placement = placement;
    watch.exec = asksOf(placement, lists).some(ask => ask.via === 'runner' || ask.via === 'machine');
    one.watches.set(key, watch);
    settle(one, watch, known !== undefined && changed);
  }

  /** Hands off, being changed, or asked as usual. */
  function settle(one: MachineWatch, watch: Watch, askNow: boolean): void {
    const suspended = isSuspended(watch.placement, one.where);
    if (suspended !== undefined) {
      hold(watch);
      const why = suspended === true ? 'suspended' : suspended;
      apply(one, watch, suspendHealth(watch.record, clock.now(), why), true);
    } else if (paused.has(watch.placement.key)) {
      hold(watch);
      apply(one, watch, restartHealth(watch.record, clock.now(), 'being changed'), true);
    } else if (watch.record.state === 'suspended') {
      askAtOnce(watch, clock.monotonic());
      apply(one, watch, unsuspendHealth(watch.record, clock.now()), true);
    } else if (askNow) askAtOnce(watch, clock.monotonic());
  }

  function update(placements: readonly Checked[], wanted: readonly CheckedMachine[]): void {
    if (stopping.signal.aborted) return;
    const names = new Set(wanted.map(where => where.machine.name));
    for (const [name, one] of machines) {
      if (names.has(name)) continue;
      for (const watch of one.watches.values()) apply(one, watch, leaveHealth(watch.record, clock.now()), true);
      leave(name, one);
    }
    for (const where of wanted) {
      const known = machines.get(where.machine.name);
      const one = known ?? enter(where);
      one.where = where;
      const own = placements.filter(placement => placement.spec.machine === where.machine.name);
      const keys = new Set(own.map(placement => placement.key));
      for (const [key, watch] of one.watches) {
        if (keys.has(key)) continue;
        apply(one, watch, leaveHealth(watch.record, clock.now()), true);
        one.watches.delete(key);
      }
      for (const placement of own) updateWatch(one, placement);
      if (known === undefined) one.loop = watchMachine(one);
      else one.wake.abort();
    }
  }

  function change(key: PlacementKey, how: (one: MachineWatch, watch: Watch) => void): void {
    for (const one of machines.values()) {
      const watch = one.watches.get(key);
      if (watch === undefined || watch.record.state === 'suspended') continue;
      how(one, watch);
      one.wake.abort();
    }
  }

  return {
    update,
    pause(key) {
      paused.add(key);
      change(key, (one, watch) => settle(one, watch, false));
    },
    resume(key) {
      if (!paused.delete(key)) return;
      change(key, (one, watch) => {
        askAtOnce(watch, clock.monotonic());
        apply(one, watch, restartHealth(watch.record, clock.now()), true);
      });
    },
    status: () =>
      new Map([...machines.values()].flatMap(one => [...one.watches].map(([key, { record }]) => [key, record]))),
    async stop() {
      stopping.abort();
      const loops = [...machines.values()].map(one => one.loop);
      for (const [name, one] of machines) leave(name, one);
      await Promise.all([...loops, ...leaving]);
    },
  };
}
