// Any valid registry converges: plan and apply on a fleet in memory, from any earlier state of it, end in an empty plan.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Registry } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { diff } from '../../reconciler/core/diff.js';
import { parse } from '../../reconciler/core/parse.js';
import { changesOf, makePlan } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { FakeFleet, sha256 } from '../fakes/fleet.js';

const machineNames = ['m1', 'm2', 'm3'] as const;
const serviceNames = ['api', 'cache', 'db', 'mail', 'queue', 'web'] as const;

const compose = 'services:\n  main:\n    image: lab/web:1\n';

interface Draft {
  readonly type: 'native' | 'local' | 'docker';
  readonly machines: readonly string[];
  readonly port: boolean;
  readonly word: string;
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly files: Readonly<Record<string, string>>;
}

const draft: fc.Arbitrary<Draft> = fc.record({
  type: fc.constantFrom('native', 'local', 'docker'),
  machines: fc.uniqueArray(fc.constantFrom(...machineNames), { minLength: 1, maxLength: 2 }),
  port: fc.boolean(),
  word: fc.constantFrom('one', 'two', 'three words', "it's"),
  env: fc.dictionary(
    fc.constantFrom('A', 'B_C', 'TOKEN'),
    fc.string({ maxLength: 5 }).map(text => text.replaceAll(/[{}$]/g, '')),
    { maxKeys: 2 },
  ),
  folder: fc.constantFrom('/opt', '/srv'),
  files: fc.dictionary(fc.constantFrom('a.txt', 'b/c.txt'), fc.constantFrom('x', 'y'), { maxKeys: 2 }),
});

/** Services depend only on earlier names, so that there is no circle. */
const registry = fc.record({
  services: fc.dictionary(fc.constantFrom(...serviceNames), draft, { minKeys: 1, maxKeys: 6 }),
  depends: fc.array(fc.tuple(fc.constantFrom(...serviceNames), fc.constantFrom(...serviceNames)), { maxLength: 6 }),
});

type Shape = typeof registry extends fc.Arbitrary<infer T> ? T : never;

function dependsOn(name: string, shape: Shape): { readonly depends_on?: readonly string[] } {
  const earlier = shape.depends.filter(([from, to]) => from === name && to < name && shape.services[to] !== undefined);
  return earlier.length === 0 ? {} : { depends_on: [...new Set(earlier.map(([, to]) => to))] };
}

function textOf(shape: Shape): string {
  const services = Object.fromEntries(
    Object.entries(shape.services).map(([name, one]) => [
      name,
      {
        type: one.type,
        machines: one.machines,
        path: `${one.folder}/${name}`,
        env: one.env,
        ...dependsOn(name, shape),
        ...(one.port ? { port: 'auto' } : {}),
        ...(one.type === 'docker' ? { compose_service: 'main' } : { command: ['/bin/serve', one.word] }),
      },
    ]),
  );
  const machines = Object.fromEntries(
    machineNames.map(name => [name, { host: `10.0.0.${name.slice(1)}`, user: 'root', platform: 'linux' }]),
  );
  // JSON is YAML.
  return JSON.stringify({ cluster: 'any', machines, services });
}

function desiredOf(shape: Shape, commit: string): DesiredState {
  const result = parse({ main: 'registry.yml', files: new Map([['registry.yml', textOf(shape)]]) });
  expect(result.diagnostics.filter(one => one.severity === 'error')).toEqual([]);
  const parsed = result.registry as Registry;
  const gathered = new Map(
    parsed.placements.map(spec => {
      const files = shape.services[spec.service]?.files ?? {};
      const source = Object.entries(files).map(([path, text]) => ({
        path,
        sha256: sha256(text),
        mode: 0o644 as const,
        oid: sha256(text),
        bytes: text.length,
      }));
      return [spec.key, { source, texts: {} }];
    }),
  );
  return resolve(parsed, { commit, rootCommit: 'root', gathered }, drivers);
}

function planFor(fleet: FakeFleet, desired: DesiredState) {
  const differences = diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] });
  return makePlan(differences, desired);
}

function provide(fleet: FakeFleet, desired: DesiredState): void {
  for (const { spec } of desired.placements)
    if (spec.type === 'docker') fleet.machine(spec.machine).own.set(`${spec.path}/compose.yaml`, compose);
}

/** Rounds until the plan is empty. */
function converge(fleet: FakeFleet, desired: DesiredState): number {
  provide(fleet, desired);
  for (let round = 0; round < 4; round += 1) {
    const plan = planFor(fleet, desired);
    expect(plan.leftAlone.filter(one => one.state === 'blocked')).toEqual([]);
    if (plan.waves.length === 0) return round;
    fleet.apply(plan, desired);
  }
  return 4;
}

describe('plan and apply', () => {
  it('converge from nothing, and from any other registry, in at most 3 rounds', () => {
    fc.assert(
      fc.property(registry, registry, (first, second) => {
        const fleet = new FakeFleet(drivers);
        expect(converge(fleet, desiredOf(first, 'c1'))).toBeLessThanOrEqual(3);
        expect(converge(fleet, desiredOf(second, 'c2'))).toBeLessThanOrEqual(3);
        expect(planFor(fleet, desiredOf(second, 'c3')).waves).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('undo any drift and touch nothing else', () => {
    fc.assert(
      fc.property(registry, fc.nat(), fc.constantFrom('stop', 'edit', 'remove'), (shape, pick, how) => {
        const fleet = new FakeFleet(drivers);
        const desired = desiredOf(shape, 'c1');
        converge(fleet, desired);
        const placement = desired.placements[pick % desired.placements.length];
        if (placement === undefined) return;
        const machine = fleet.machine(placement.spec.machine);
        const file = machine.stamps.get(placement.spec.service)?.files[0];
        const runner = machine.runners.get(placement.spec.service);
        if (how === 'stop' && runner !== undefined) runner.run = 'stopped';
        else if (file !== undefined && how === 'edit')
          machine.files.set(file.path, { sha256: sha256('edited'), mode: file.mode });
        else if (file !== undefined) machine.files.delete(file.path);
        else return;
        fleet.made.length = 0;
        expect(converge(fleet, desired)).toBe(1);
        expect(fleet.made.map(one => one.key)).toEqual([placement.key]);
      }),
      { numRuns: 60 },
    );
  });

  it('start nothing before what it depends on', () => {
    fc.assert(
      fc.property(registry, shape => {
        const fleet = new FakeFleet(drivers);
        const desired = desiredOf(shape, 'c1');
        provide(fleet, desired);
        const order = changesOf(planFor(fleet, desired)).map(change => change.key);
        for (const placement of desired.placements) {
          for (const dependency of placement.dependsOn)
            expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(placement.key));
        }
      }),
      { numRuns: 60 },
    );
  });
});
