// What the controller's passes measure on their way: handed to history and kept for who asks, at most once per machine and interval.
import type { Measurement } from '../../schema/samples.js';
import type { DesiredState, LiveState, MachineFacts, UsageSeen } from '../../schema/state.js';
import { measure, usageIn } from '../core/samples.js';
import type { Ports } from '../ports.js';
import { noteNewest } from './newest.js';

export interface Sampler {
  (seen: { readonly desired: DesiredState; readonly live: LiveState }): void;
  /** By machine: of those that answered the last look. */
  newest(): ReadonlyMap<string, Measurement>;
}

/** Machines tell whole seconds: rates over less time than that would be guesses. */
const shortestMs = 10_000;

interface Look {
  readonly at: number;
  readonly facts: MachineFacts;
  /** By service. */
  readonly usages: Readonly<Record<string, UsageSeen | undefined>>;
}

/** Asks nothing of a machine: it takes what passes look at anyway, and what it keeps is only for rates. */
export function openSampler({
  store,
  clock,
  bus,
  replicas,
}: Pick<Ports, 'store' | 'clock' | 'bus' | 'replicas'>): Sampler {
  const last = new Map<string, Look>();
  const newest = new Map<string, Measurement>();
  const sample = ({ desired, live }: Parameters<Sampler>[0]): void => {
    const now = clock.monotonic();
    const leastMs = Math.max(desired.policy.intervalMs, shortestMs);
    for (const name of last.keys()) if (live.machines[name] === undefined) last.delete(name);
    for (const name of newest.keys()) if (live.machines[name]?.state !== 'reachable') newest.delete(name);
    for (const { name } of desired.machines) {
      const view = live.machines[name];
      const before = last.get(name);
      if (view?.state !== 'reachable' || (before !== undefined && now - before.at < leastMs)) continue;
      const placed = desired.placements.filter(one => one.spec.machine === name);
      const services = placed.map(({ key, spec: { service } }) => {
        return { service, sighting: live.sightings[key], before: before?.usages[service] };
      });
      const usages = Object.fromEntries(services.map(({ service, sighting }) => [service, usageIn(sighting)]));
      last.set(name, { at: now, facts: view.facts, usages });
      const values = measure(view.facts, services, before?.facts);
      const measurement: Measurement = { machine: name, at: live.takenAt, values };
      newest.set(name, measurement);
      if (replicas !== undefined) noteNewest(replicas, measurement, clock.now());
      const told = { kind: 'samples', measurement } as const;
      if (store.state().state !== 'none') store.record(told);
      else bus?.tell(told);
    }
  };
  return Object.assign(sample, { newest: () => newest });
}
