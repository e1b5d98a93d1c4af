// The guard: how many removals wait for a person, and what a person has said already.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../schema/plan.js';
import type { DesiredState } from '../../schema/state.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, settle, think } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const some = (count: number, one: object = {}) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, one]));

/** Of `before` services `after` are left: why that waits. */
function held(before: number, after: number, policy: object = {}): string | undefined {
  settle(fleet, desire({ services: some(before) }));
  return think(fleet, desire({ services: some(after), policy })).held?.why;
}

describe('removals', () => {
  it.each([
    [3, 1, {}, undefined],
    [4, 1, {}, 'it would remove 3 of 4 placements (75 %, policy.max_removals is 30 %)'],
    [10, 7, {}, undefined],
    [10, 6, {}, 'it would remove 4 of 10 placements (40 %, policy.max_removals is 30 %)'],
    [10, 6, { max_removals: '40%' }, undefined],
    [10, 5, { max_removals: 0.4 }, 'it would remove 5 of 10 placements (50 %, policy.max_removals is 40 %)'],
    [10, 7, { max_removals: 0 }, 'it would remove 3 of 10 placements (30 %, policy.max_removals is 0 %)'],
    [10, 6, { prune: 'keep' }, undefined],
    [10, 6, { prune: 'remove' }, 'it would remove 4 of 10 placements (40 %, policy.max_removals is 30 %)'],
    [2, 0, {}, 'the registry is empty and would stop 2 running services'],
    [1, 0, {}, 'the registry is empty and would stop 1 running services'],
    [0, 0, {}, undefined],
  ])('from %i to %i with %j', (before, after, policy, why) => {
    expect(held(before, after, policy)).toBe(why);
  });

  it('count a share exactly, whatever binary fractions make of it', () => {
    settle(fleet, desire({ services: some(100) }));
    expect(think(fleet, desire({ services: some(71), policy: { max_removals: '29%' } })).held).toBeUndefined();
    expect(think(fleet, desire({ services: some(70), policy: { max_removals: '29%' } })).held).toBeDefined();
  });

  it('hold the whole plan, its other parts too', () => {
    settle(fleet, desire({ services: some(5) }));
    const plan = think(fleet, desire({ services: { fresh: {} } }));
    expect([plan.held !== undefined, plan.waves.flat().length]).toEqual([true, 6]);
  });

  it('do not count what moves, and count what only becomes fewer', () => {
    const on = (machine: string) => desire({ services: { ...some(4, { machine }), keep: {} } });
    settle(fleet, on('m1'));
    expect(think(fleet, on('m2')).held).toBeUndefined();
    const machines = Object.fromEntries(['m1', 'm2', 'm3', 'm4', 'm5'].map(name => [name, {}]));
    const web = (names: readonly string[]) => desire({ services: { web: { machines: names } }, machines });
    const wide = newFleet();
    settle(wide, web(Object.keys(machines)));
    expect(think(wide, web(['m1'])).held?.why).toBe(
      'it would remove 4 of 5 placements (80 %, policy.max_removals is 30 %)',
    );
  });

  it('do not count what moves back to where it was stopped, nor a start that was begun and not finished', () => {
    const on = (machine: string) => desire({ services: { ...some(4, { machine }), keep: {} } });
    settle(fleet, on('m1'));
    settle(fleet, on('m2'));
    const back = think(fleet, on('m1'));
    expect(back.waves.flat().filter(one => one.kind === 'update')).toHaveLength(4);
    expect(back.held).toBeUndefined();
    const begun = newFleet();
    settle(begun, on('m1'));
    begun.apply(think(begun, on('m2')), on('m2'), new Set(Object.keys(some(4)).map(name => `${name}@m1`)));
    const { stamps } = begun.machine('m2');
    for (const [name, { fingerprint: _, ...claim }] of stamps) stamps.set(name, claim);
    expect(order(think(begun, on('m2')))).toContain('update s0@m2, update s1@m2, update s2@m2, update s3@m2');
    expect(think(begun, on('m2')).held).toBeUndefined();
  });

  it('do not count what is left of a move whose successor runs already, and nothing else beside it', () => {
    const on = (machine: string, more: object = {}) =>
      desire({ services: { ...some(4, { machine, ...more }), keep: {} } }, JSON.stringify(more));
    const stops = new Set(Object.keys(some(4)).map(name => `${name}@m1`));
    const only = (plan: Plan) => [plan.held?.why, new Set(plan.waves.flat().map(one => one.kind))];
    settle(fleet, on('m1'));
    fleet.apply(think(fleet, on('m2')), on('m2'), stops);
    expect(only(think(fleet, on('m2')))).toEqual([undefined, new Set(['stop'])]);
    // Also after a newer commit changed what came there, and not after what it came from was touched.
    const newer = on('m2', { env: { A: '1' } });
    fleet.apply(think(fleet, newer), newer, stops);
    expect(only(think(fleet, newer))).toEqual([undefined, new Set(['stop'])]);
    const { stamps } = fleet.machine('m1');
    for (const [name, stamp] of stamps) stamps.set(name, { ...stamp, finishedAt: 5 });
    expect(think(fleet, newer).held?.why).toContain('it would remove 4 of 9 placements');
  });

  it('count one for each that came, of several that a service leaves', () => {
    const machines = Object.fromEntries(['m1', 'm2', 'm3', 'm4', 'm5', 'm6'].map(name => [name, {}]));
    const web = (...names: readonly string[]) => desire({ services: { web: { machines: names } }, machines });
    const stops = new Set(Object.keys(machines).map(name => `web@${name}`));
    const left = (to: DesiredState) => {
      fleet = newFleet();
      settle(fleet, web('m1', 'm2', 'm3', 'm4'));
      fleet.apply(
        think(fleet, to),
        to,
        new Set(
          [...stops].filter(key =>
            think(fleet, to)
              .waves.flat()
              .some(one => one.key === key && one.kind === 'stop'),
          ),
        ),
      );
      return think(fleet, to).held?.why;
    };
    expect(left(web('m5'))).toContain('it would remove 3 of 5 placements');
    expect(left(web('m5', 'm6'))).toBeUndefined();
  });

  it('of what was stopped a week ago, or was never ours to stop, are none', () => {
    settle(fleet, desire({ services: some(4) }));
    settle(fleet, desire({ services: { s0: {} }, policy: { max_removals: '100%' } }));
    const machine = fleet.machine('m1');
    machine.facts = { ...machine.facts, clock: machine.facts.clock + 8 * 86_400 };
    const plan = think(fleet, desire({ services: { s0: {} } }));
    expect(plan.waves.flat().map(one => one.kind)).toEqual(['remove', 'remove', 'remove']);
    expect(plan.held).toBeUndefined();
    const adopting = newFleet();
    const units = Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [name, { type: 'native' }]));
    for (const name of Object.keys(units))
      adopting
        .machine('m1')
        .runners.set(name, { run: 'running', settings: { enabled: 'enabled', 'unit-load': 'loaded' }, images: {} });
    settle(adopting, desire({ services: { ...units, keep: {} } }));
    expect(think(adopting, desire({ services: { keep: {} } })).held).toBeUndefined();
  });
});

describe('approved', () => {
  beforeEach(() => settle(fleet, desire({ services: some(5) })));
  const fewer = desire({ services: some(1) });

  it('by its id: that plan goes on, and another does not', () => {
    const { id } = think(fleet, fewer);
    expect(think(fleet, fewer, { approved: [id] }).held).toBeUndefined();
    expect(think(fleet, desire({ services: some(1) }, 'c2'), { approved: [id] }).held).toBeDefined();
    expect(think(fleet, desire({ services: {} }), { approved: [id] }).held).toBeDefined();
  });

  it('by name: what a person removed is not counted', () => {
    expect(think(fleet, fewer, { approved: ['remove:s1@m1', 'remove:s2@m1'] }).held).toBeUndefined();
    expect(think(fleet, fewer, { approved: ['remove:s1@m1'] }).held).toBeDefined();
    const all = ['s0', 's1', 's2', 's3', 's4'].map(name => `remove:${name}@m1`);
    expect(think(fleet, desire({ services: {} }), { approved: all }).held).toBeUndefined();
    expect(think(fleet, desire({ services: {} }), { approved: all.slice(1) }).held?.why).toBe(
      'the registry is empty and would stop 1 running services',
    );
  });
});
