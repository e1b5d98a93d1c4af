// Resolve + diff + plan of many placements by the built program: how long thinking takes, and that it grows in a straight line.
import type * as comparing from '../../reconciler/core/diff.js';
import type * as planning from '../../reconciler/core/plan.js';
import type * as resolving from '../../reconciler/core/resolve.js';
import type * as driving from '../../reconciler/drivers/index.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { PlacementKey, Registry, ServiceSpec } from '../../schema/registry-types.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import { FakeFleet } from '../fakes/fleet.js';
import { aMachine, aSpec, someHealth, tcpOn } from '../fakes/specs.js';
import { type Figure, type Series, spread } from './figure.js';

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

/** As built: what runs from source through a loader is slower. */
async function built<T>(path: string): Promise<T> {
  return (await import(new URL(`../../dist/reconciler/${path}`, import.meta.url).href)) as T;
}

async function builtMind() {
  const [{ resolve }, { diff }, { makePlan }, { drivers: lists }] = await Promise.all([
    built<typeof resolving>('core/resolve.js'),
    built<typeof comparing>('core/diff.js'),
    built<typeof planning>('core/plan.js'),
    built<typeof driving>('drivers/index.js'),
  ]);
  const inputs = { commit: 'c1', rootCommit: 'root', gathered: new Map() };
  const asking = { drivers: lists, busy: new Set<string>(), again: new Set<string>(), leaving: [] };
  return {
    resolve: (registry: Registry) => resolve(registry, inputs, lists),
    plan: (desired: DesiredState, live: LiveState) => makePlan(diff(desired, live, asking), desired),
  };
}

type Mind = Awaited<ReturnType<typeof builtMind>>;

/** A fleet that is already as wanted. */
function settledFleet(registry: Registry, mind: Mind): FakeFleet {
  const fleet = new FakeFleet(drivers);
  const desired = mind.resolve(registry);
  fleet.apply(mind.plan(desired, fleet.look(desired)), desired);
  return fleet;
}

/** Milliseconds of processor time: thinking waits for nothing, so on an idle machine it takes as long. */
function thinkOnce(registry: Registry, fleet: FakeFleet, mind: Mind): number {
  const live = fleet.look(mind.resolve(registry));
  const before = process.cpuUsage();
  const plan = mind.plan(mind.resolve(registry), live);
  const { user, system } = process.cpuUsage(before);
  if (plan.waves.length > 0) throw new Error('the fleet did not converge');
  return (user + system) / 1000;
}

const sizes = [
  { count: 1000, mostMs: 20 },
  { count: 10_000, mostMs: 200 },
] as const;

export async function measureThinking(rounds: number): Promise<readonly Figure[]> {
  const mind = await builtMind();
  const worlds = sizes.map(({ count }) => {
    const registry = registryOf(count);
    return { registry, fleet: settledFleet(registry, mind) };
  });
  // The first rounds are the compiler's.
  const values: readonly number[][] = worlds.map(() => []);
  for (let round = -2; round < rounds; round += 1) {
    worlds.forEach(({ registry, fleet }, size) => {
      const tookMs = thinkOnce(registry, fleet, mind);
      if (round >= 0) values[size]?.push(tookMs);
    });
  }
  return sizes.map(({ count, mostMs }, size) => thinkingFigure(count, mostMs, values[size] ?? [], values[0] ?? []));
}

function thinkingFigure(count: number, most: number, ours: Series, smallest: Series): Figure {
  const times = count / sizes[0].count;
  const line = { name: `${times} times that of ${sizes[0].count}`, values: smallest.map(value => value * times) };
  return {
    name: `resolve + diff + plan, ${count.toLocaleString('en')} placements`,
    unit: 'ms',
    goal: { kind: 'value', most },
    ours,
    ...(times === 1 ? {} : { reference: line }),
    note: `processor time; ${(spread(ours).median / count).toFixed(4)} ms a placement`,
  };
}
