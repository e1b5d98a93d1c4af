// Differences made into changes: order, room for what is new, and what a person chose.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, planned, settle, think } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const needing = (names: readonly string[]) => (names.length === 0 ? {} : { depends_on: names });
const chosen = (...names: readonly string[]) => ({ selection: { services: new Set(names) } });

describe('the order', () => {
  it('follows depends_on across machines; what depends on nothing is first, all at once', () => {
    const services = {
      db: {},
      cache: { machine: 'm2' },
      api: { machine: 'm2', depends_on: ['db', 'cache'] },
      web: { depends_on: ['api'] },
    };
    expect(order(think(fleet, desire({ services })))).toBe(
      'create cache@m2, create db@m1 | create api@m2 | create web@m1',
    );
  });

  it('changes placements of one service one after another; who depends on it waits for all', () => {
    const services = { api: { machines: ['m1', 'm2'] }, web: { depends_on: ['api'] } };
    expect(order(think(fleet, desire({ services })))).toBe('create api@m1 | create api@m2 | create web@m1');
  });

  it('stops dependants before what they depend on', () => {
    settle(
      fleet,
      desire({ services: { db: {}, api: { depends_on: ['db'] }, web: { machine: 'm2', depends_on: ['api'] } } }),
    );
    const plan = think(fleet, desire({ services: { other: {} }, policy: { max_removals: '100%' } }));
    expect(order(plan)).toBe('create other@m1, stop web@m2 | stop api@m1 | stop db@m1');
  });

  it('two that once depended on each other, by stamps of different commits, do not wait for each other', () => {
    const other = { keep: { machine: 'm2' } };
    settle(fleet, desire({ services: { ...other, a: { depends_on: ['b'] }, b: {} } }));
    settle(fleet, desire({ services: { ...other, a: {}, b: { depends_on: ['a'], env: { V: '2' } } } }));
    const plan = think(fleet, desire({ services: other, policy: { max_removals: '100%' } }));
    expect(order(plan)).toBe('stop a@m1 | stop b@m1');
    expect(plan.waves.flat().map(one => one.after)).toEqual([[], ['a@m1']]);
  });

  it('moves: starts there, then stops here', () => {
    settle(fleet, desire({ services: { web: {} } }));
    const plan = think(fleet, desire({ services: { web: { machine: 'm2' } } }));
    expect(order(plan)).toBe('create web@m2 | stop web@m1');
    expect(plan.waves[1]?.[0]).toMatchObject({ reason: 'moved', because: 'it moved to m2' });
  });

  it('a new service waits for the port that an old one there still holds', () => {
    settle(fleet, desire({ services: { old: { port: 80 } } }));
    expect(order(think(fleet, desire({ services: { web: { port: 80 }, api: { port: 81 } } })))).toBe(
      'create api@m1, stop old@m1 | create web@m1',
    );
  });

  it('also when the old one moves away', () => {
    settle(fleet, desire({ services: { old: { port: 80 } } }));
    const services = { old: { port: 80, machine: 'm2' }, web: { port: 80 } };
    expect(order(think(fleet, desire({ services })))).toBe('create old@m2 | stop old@m1 | create web@m1');
  });

  it('also when that one waits for the new one itself: then it stops before it starts elsewhere', () => {
    settle(fleet, desire({ services: { old: { port: 80 } } }));
    const services = { old: { port: 80, machine: 'm2', depends_on: ['web'] }, web: { port: 80 } };
    expect(order(think(fleet, desire({ services })))).toBe('stop old@m1 | create web@m1 | create old@m2');
  });

  it('two that change places', () => {
    settle(fleet, desire({ services: { a: { port: 80 }, b: { machine: 'm2', port: 81 } } }));
    const services = { a: { port: 81, machine: 'm2' }, b: { port: 80 } };
    expect(order(think(fleet, desire({ services })))).toBe('stop a@m1 | create b@m1 | stop b@m2 | create a@m2');
  });

  it('is one in which nobody waits for a later wave, whatever moves, goes and comes', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const service = fc.record({
      machine: fc.constantFrom('m1', 'm2'),
      port: fc.constantFrom(80, 81, 82),
      needs: fc.subarray(names),
    });
    const registry = fc.dictionary(fc.constantFrom(...names), service, { minKeys: 1 });
    type Shape = typeof registry extends fc.Arbitrary<infer T> ? T : never;
    const desiredOf = (shape: Shape) => {
      const taken = new Set<string>();
      const services = Object.entries(shape).flatMap(([name, { machine, port, needs }]) => {
        const place = `${machine} ${port}`;
        const depends = needing(needs.filter(other => other < name && other in shape));
        const one = [name, { machine, ...depends, ...(taken.has(place) ? {} : { port }) }] as const;
        taken.add(place);
        return [one];
      });
      return desire({ services: Object.fromEntries(services), policy: { max_removals: '100%' } });
    };
    fc.assert(
      fc.property(registry, registry, (before, after) => {
        const world = newFleet();
        settle(world, desiredOf(before));
        const { waves } = think(world, desiredOf(after));
        const waveOf = new Map(waves.flatMap((wave, index) => wave.map(one => [one.key, index] as const)));
        for (const change of waves.flat())
          for (const key of change.after) expect(waveOf.get(key) ?? -1).toBeLessThan(waveOf.get(change.key) ?? -1);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a plan', () => {
  it('is known by commit and changes: the same has the same id', () => {
    const idOf = (commit: string, env: object) => think(newFleet(), desire({ services: { web: { env } } }, commit)).id;
    expect(idOf('c1', {})).toMatch(/^[0-9a-f]{12}$/);
    expect(idOf('c1', {})).toBe(idOf('c1', {}));
    expect(new Set([idOf('c1', {}), idOf('c2', {})]).size).toBe(2);
  });

  it('from a work tree, which has no commit of its own, is another one where something else is wanted', () => {
    const idWith = (command: string) => think(fleet, desire({ services: { web: { command } } })).id;
    expect([idWith('/bin/one') === idWith('/bin/one'), idWith('/bin/one') === idWith('/bin/two')]).toEqual([
      true,
      false,
    ]);
  });

  it('names the stamp that each change assumes', () => {
    settle(fleet, desire({ services: { web: {} } }));
    const change = think(fleet, desire({ services: { web: { env: { A: '1' } } } })).waves[0]?.[0];
    expect(change?.basis).toMatch(/^[0-9a-f]{64}$/);
    expect(think(fleet, desire({ services: { web: {}, api: {} } })).waves[0]?.[0]?.basis).toBe('');
  });
});

describe('what a person chose', () => {
  const services = { db: {}, api: { depends_on: ['db'] }, web: { depends_on: ['api'] }, other: {} };

  it('takes along what it depends on where that is missing, and says why', () => {
    expect(planned(fleet, desire({ services }), chosen('api'))).toEqual([
      '1 create db@m1 missing: it is not there; api depends on it',
      '2 create api@m1 missing: it is not there',
    ]);
  });

  it('and through what stands already, where that is stopped', () => {
    settle(fleet, desire({ services }));
    const runner = fleet.machine('m1').runners.get('db');
    if (runner === undefined) throw new Error('db does not run');
    runner.run = 'stopped';
    expect(
      order(
        think(
          fleet,
          desire({ services: { ...services, web: { depends_on: ['api'], env: { A: '1' } } } }),
          chosen('web'),
        ),
      ),
    ).toBe('repair db@m1 | update web@m1');
  });

  it('does not take along a dependency that only changed', () => {
    settle(fleet, desire({ services }));
    expect(order(think(fleet, desire({ services: { ...services, db: { env: { A: '1' } } } }), chosen('api')))).toBe('');
  });

  it('alone, when it says so', () => {
    const selection = { services: new Set(['web']), noDeps: true };
    expect(order(think(fleet, desire({ services }), { selection }))).toBe('create web@m1');
  });

  it('on one machine: a sibling elsewhere that is not in the plan is not waited for', () => {
    const desired = desire({ services: { api: { machines: ['m1', 'm2'] } } });
    const plan = think(fleet, desired, { selection: { machine: 'm2' } });
    expect(plan.waves.flat().map(one => [one.key, one.after])).toEqual([['api@m2', []]]);
  });

  it('leaves out what else is left alone', () => {
    const desired = desire({ services: { ...services, other: { suspend: true } } });
    expect(planned(fleet, desired, chosen('db'))).toEqual(['1 create db@m1 missing: it is not there']);
    expect(planned(fleet, desired, chosen('other'))).toEqual(['suspended other@m1: suspended in the registry']);
  });

  it('is found quickly also where everything depends on everything before it', () => {
    const many = Array.from({ length: 40 }, (_, index) => `s${String(index).padStart(2, '0')}`);
    const dense = Object.fromEntries(many.map((name, index) => [name, needing(many.slice(0, index))]));
    const plan = think(fleet, desire({ services: dense }), chosen('s39'));
    expect(plan.waves.flat().map(one => one.key)).toHaveLength(40);
    expect(plan.waves[39]?.map((one): PlacementKey => one.key)).toEqual(['s39@m1']);
  });
});
