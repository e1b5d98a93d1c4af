// Resolve + diff + plan of many placements: how long thinking takes, and that it grows in a straight line.
import { resolve } from '../../reconciler/core/resolve.js';
import { diff } from '../../reconciler/core/diff.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { PlacementKey, Registry, ServiceSpec } from '../../schema/registry-types.js';
import { FakeFleet } from '../fakes/fleet.js';
import { aMachine, aSpec, someHealth, tcpOn } from '../fakes/specs.js';

const machineCount = 20;

function registryOf(count: number): Registry {
  const machines = Array.from({ length: machineCount }, (_, index) => aMachine(`m${index}`));
  const placements = Array.from({ length: count }, (_, index): ServiceSpec => {
    const key: PlacementKey = `s${index}@m${index % machineCount}`;
    const port = 2000 + Math.floor(index / machineCount);
    return aSpec(key, someHealth([tcpOn(port)]), {
      command: ['/bin/serve', String(index)],
      port,
      ports: [port],
      env: { ONE: 'a', TWO: String(index) },
      dependsOn: index % 10 === 0 ? [] : [`s${index - 1}`],
    });
  });
  const policy = placements[0]?.policy ?? aSpec('s@m', someHealth([])).policy;
  return { cluster: 'bench', domain: 'internal', machines, placements, groups: {}, policy };
}

const inputs = { commit: 'c1', rootCommit: 'root', gathered: new Map() };

/** Milliseconds of resolve + diff + plan over a fleet that is already as wanted. */
function thinkOnce(registry: Registry, fleet: FakeFleet): number {
  const live = fleet.look(resolve(registry, inputs, drivers));
  const startedAt = performance.now();
  const desired = resolve(registry, inputs, drivers);
  const plan = makePlan(diff(desired, live, { drivers, busy: new Set(), again: new Set(), leaving: [] }), desired);
  const tookMs = performance.now() - startedAt;
  if (plan.waves.length > 0) throw new Error('the fleet did not converge');
  return tookMs;
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Median of `rounds`. */
export function thinkMs(count: number, rounds = 7): number {
  const registry = registryOf(count);
  const fleet = new FakeFleet(drivers);
  const desired = resolve(registry, inputs, drivers);
  const plan = makePlan(diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] }), desired);
  fleet.apply(plan, desired);
  return median(Array.from({ length: rounds }, () => thinkOnce(registry, fleet)));
}
