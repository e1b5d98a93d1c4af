// Looks closely at what was deployed just now: a fault while it soaks condemns the revision, as its gate would have.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement } from '../../schema/state.js';
import { lookupOf, stampOf } from '../core/lookup.js';
import type { Lists } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { checkOnce } from './check.js';
import type { CheckedMachine } from './look-checks.js';
import { pause } from './pause.js';

/** A placement became ill while it soaked. */
export interface Fault {
  /** Of the revision that was ill: whatever stands there since is no worse for it. */
  readonly fingerprint: string;
  readonly found: string;
}

export type Faults = ReadonlyMap<PlacementKey, Fault>;

export interface Soak {
  /** Also those that began before: `leftMs` counts from now. What is not named is not looked at any more. */
  follow(soaking: readonly Soaking[], machines: readonly CheckedMachine[]): void;
  /** Looks no more at what is being changed. */
  leave(keys: ReadonlySet<PlacementKey>): void;
  /** Those that nobody has settled; what has one is not looked at again. */
  faults(): Faults;
  /** They are dealt with, or concern nobody any more. */
  settle(faults: Faults): void;
  stop(): Promise<void>;
}

export interface Soaking {
  readonly placement: Placement;
  /** What it depends on, also through others: while one of them is ill, nothing it shows is its own fault. */
  readonly dependencies: readonly Placement[];
  readonly leftMs: number;
}

interface Watched extends Pick<Soaking, 'placement' | 'dependencies'> {
  readonly until: number;
  silent: number;
}

const everyMs = 2000;

/** All that a placement depends on, directly and through others. */
export function dependenciesOf(placement: Placement, desired: DesiredState): readonly Placement[] {
  const { byKey } = lookupOf(desired);
  const found = new Map<PlacementKey, Placement>();
  const walk = (keys: readonly PlacementKey[]): void => {
    for (const key of keys) {
      const next = byKey.get(key);
      if (next === undefined || found.has(key)) continue;
      found.set(key, next);
      walk(next.dependsOn);
    }
  };
  walk(placement.dependsOn);
  return [...found.values()];
}

/** What was finished less than its soak time ago, by the machine's own clock. */
export function soakingNow(desired: DesiredState, live: LiveState): readonly Soaking[] {
  return desired.placements.flatMap(placement => {
    const view = live.machines[placement.spec.machine];
    if (view?.state !== 'reachable') return [];
    const stamp = stampOf(view, placement.spec.service);
    if (stamp?.finishedAt === undefined || stamp.fingerprint !== placement.fingerprint) return [];
    const age = Math.max(0, view.facts.clock - stamp.finishedAt);
    const leftMs = placement.spec.health.soakMs - age * 1000;
    return leftMs > 0 ? [{ placement, dependencies: dependenciesOf(placement, desired), leftMs }] : [];
  });
}

/** `onFault`: there is something to settle. */
export function startSoak(ports: Ports, lists: Lists, onFault: (key: PlacementKey) => void): Soak {
  const { clock } = ports;
  const watched = new Map<PlacementKey, Watched>();
  const faults = new Map<PlacementKey, Fault>();
  const over = new AbortController();
  let machines: readonly CheckedMachine[] = [];
  let round: Promise<void> | undefined;

  function judge(key: PlacementKey, one: Watched, found: string, passes: boolean): void {
    one.silent = passes ? 0 : one.silent + 1;
    if (one.silent < one.placement.spec.health.retries || watched.get(key) !== one) return;
    watched.delete(key);
    faults.set(key, { fingerprint: one.placement.fingerprint, found });
    onFault(key);
  }

  async function look(): Promise<void> {
    const asked = new Map(watched);
    const all = [...asked.values()].flatMap(one => [one.placement, ...one.dependencies]);
    const placements = [...new Map(all.map(one => [one.key, one])).values()];
    const verdicts = await checkOnce(placements, machines, lists, { ...ports }, { signal: over.signal });
    for (const [key, one] of asked) {
      const verdict = verdicts.get(key);
      if (verdict === undefined || verdict.state === 'unknown' || over.signal.aborted) continue;
      const carried = one.dependencies.every(dependency => verdicts.get(dependency.key)?.state === 'pass');
      judge(key, one, verdict.found, verdict.state === 'pass' || !carried);
    }
  }

  async function rounds(): Promise<void> {
    while (watched.size > 0 && (await pause(clock, everyMs, over.signal))) {
      for (const [key, { until }] of watched) if (clock.monotonic() >= until) watched.delete(key);
      if (watched.size > 0) await look();
    }
  }

  return {
    follow(soaking, where) {
      machines = where;
      const before = new Map(watched);
      watched.clear();
      for (const { placement, dependencies, leftMs } of soaking) {
        const known = before.get(placement.key);
        if (faults.get(placement.key)?.fingerprint === placement.fingerprint) continue;
        const same = known?.placement.fingerprint === placement.fingerprint;
        watched.set(placement.key, {
          placement,
          dependencies,
          until: same ? known.until : clock.monotonic() + leftMs,
          silent: same ? known.silent : 0,
        });
      }
      if (over.signal.aborted || watched.size === 0) return;
      round ??= rounds()
        .catch((err: unknown) => ports.log.error({ err }, 'a look at what was deployed broke'))
        .finally(() => (round = undefined));
    },
    leave: keys => keys.forEach(key => watched.delete(key)),
    faults: () => new Map(faults),
    settle(settled) {
      for (const [key, fault] of settled) if (faults.get(key) === fault) faults.delete(key);
    },
    async stop() {
      over.abort();
      await round;
    },
  };
}
