// What the controller's passes measure on their way: handed to history, at most once per machine and interval.
import type { Measurement } from '../../schema/samples.js';
import type { DesiredState, LiveState, MachineFacts } from '../../schema/state.js';
import { measure } from '../core/samples.js';
import type { Ports } from '../ports.js';

export type Sampler = (seen: { readonly desired: DesiredState; readonly live: LiveState }) => void;

/** Machines tell whole seconds: rates over less time than that would be guesses. */
const shortestMs = 10_000;

interface Look {
  readonly at: number;
  readonly facts: MachineFacts;
}

/** Asks nothing of a machine: it takes what passes look at anyway, and what it keeps is only for rates. */
export function openSampler({ store, clock, bus }: Pick<Ports, 'store' | 'clock' | 'bus'>): Sampler {
  const last = new Map<string, Look>();
  return ({ desired, live }) => {
    if (store.state().state === 'none' && bus?.followed() !== true) return;
    const now = clock.monotonic();
    const leastMs = Math.max(desired.policy.intervalMs, shortestMs);
    for (const name of last.keys()) if (live.machines[name] === undefined) last.delete(name);
    for (const { name } of desired.machines) {
      const view = live.machines[name];
      const before = last.get(name);
      if (view?.state !== 'reachable' || (before !== undefined && now - before.at < leastMs)) continue;
      last.set(name, { at: now, facts: view.facts });
      const services = desired.placements
        .filter(one => one.spec.machine === name)
        .map(one => ({ service: one.spec.service, sighting: live.sightings[one.key] }));
      const values = measure(view.facts, services, before?.facts);
      const measurement: Measurement = { machine: name, at: live.takenAt, values };
      store.record({ kind: 'samples', measurement });
    }
  };
}
