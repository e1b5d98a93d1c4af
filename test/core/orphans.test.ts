// What is ours and no longer wanted: stopped, kept, released, removed after a week; and machines that left.
import { beforeEach, describe, expect, it } from 'vitest';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, planned, seenAs, settle, think } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const keep = { keep: {} };
const day = 86_400;

function later(seconds: number): void {
  const machine = fleet.machine('m1');
  machine.facts = { ...machine.facts, clock: machine.facts.clock + seconds };
}

describe('a service that left the registry', () => {
  beforeEach(() => settle(fleet, desire({ services: { ...keep, web: {} } })));

  it.each([
    ['stop', ['1 stop web@m1 orphaned: it is no longer in the registry']],
    ['remove', ['1 remove web@m1 orphaned: it is no longer in the registry']],
    ['keep', ['kept web@m1: it left the registry; policy.prune keeps it running']],
  ])('policy.prune %s', (prune, expected) => {
    expect(planned(fleet, desire({ services: keep, policy: { prune } }))).toEqual(expected);
  });

  it.each([
    ['7d', {}, 7 * day],
    ['36h', { prune_after: '36h' }, 1.5 * day],
    ['90s', { prune_after: 90 }, 90],
  ])('is stopped once, and removed when it was stopped for more than %s', (after, policy, seconds) => {
    const desired = desire({ services: keep, policy });
    settle(fleet, desired);
    later(seconds - 1);
    expect(planned(fleet, desired)).toEqual([]);
    later(1);
    const because = `it was stopped more than ${after} ago (policy.prune_after)`;
    expect(planned(fleet, desired)).toEqual([`1 remove web@m1 orphaned: ${because}`]);
    settle(fleet, desired);
    expect(fleet.machine('m1').stamps.has('web')).toBe(false);
    expect(planned(fleet, desired)).toEqual([]);
  });

  it('comes back as it was, also when a week has passed', () => {
    settle(fleet, desire({ services: keep }));
    later(8 * day);
    const back = desire({ services: { ...keep, web: {} } });
    expect(planned(fleet, back)).toEqual([
      '1 update web@m1 stopped: it was stopped when it left the registry, and is back',
    ]);
    settle(fleet, back);
    expect(planned(fleet, back)).toEqual([]);
  });

  it('is left where its machine is not worked on', () => {
    const desired = desire({ services: keep, machines: { m1: { suspend: true }, m2: {} } });
    expect(order(think(fleet, desired))).toBe('');
    expect(order(think(fleet, desire({ services: keep }), { busy: ['m1'] }))).toBe('');
  });
});

describe('what is released, never stopped', () => {
  it('a unit that we did not write', () => {
    fleet
      .machine('m1')
      .runners.set('sshd', { run: 'running', settings: { enabled: 'enabled', 'unit-load': 'loaded' }, images: {} });
    settle(fleet, desire({ services: { ...keep, sshd: { type: 'native' } } }));
    const desired = desire({ services: keep, policy: { prune: 'remove' } });
    expect(planned(fleet, desired)).toEqual(['1 release sshd@m1 orphaned: it is no longer in the registry']);
    settle(fleet, desired);
    expect(fleet.machine('m1').runners.get('sshd')?.run).toBe('running');
    expect(planned(fleet, desired)).toEqual([]);
  });
});

describe('a machine that left the registry', () => {
  const one = { m1: {} };
  const leaving = ['m2'];
  beforeEach(() =>
    settle(
      fleet,
      desire({ services: { ...keep, web: { machine: 'm2' }, api: { machine: 'm2', depends_on: ['web'] } } }),
    ),
  );

  it('has what is ours there stopped, dependants first', () => {
    const desired = desire({ services: keep, machines: one });
    const plan = think(fleet, desired, { leaving });
    expect(order(plan)).toBe('stop api@m2 | stop web@m2');
    expect(plan.machines).toEqual([
      { machine: 'm2', state: 'leaving', why: 'it left the registry: what is ours there is stopped' },
    ]);
  });

  it('is left alone where nobody says that it left', () => {
    expect(order(think(fleet, desire({ services: keep, machines: one })))).toBe('');
  });

  it('stays listed while it does not answer', () => {
    fleet.machine('m2').reachable = false;
    expect(planned(fleet, desire({ services: keep, machines: one }), { leaving })).toEqual([
      'machine m2 leaving: it left the registry and cannot be reached; it stays listed until it answers or `portoser machine forget`',
    ]);
  });

  it('is not touched when another repository has it now, nor while a change is running there', () => {
    const desired = desire({ services: keep, machines: one });
    const live = fleet.look(desired, leaving);
    const others = { leaving, live: seenAs(live, 'm2', { identity: 'another' }) };
    expect(planned(fleet, desired, others)).toEqual([
      'machine m2 leaving: it left the registry, and another repository has it now: nothing is touched there',
    ]);
    const running = ['machine m2 leaving: it left the registry, and a change is running there'];
    expect(planned(fleet, desired, { leaving, live: seenAs(live, 'm2', { openSteps: ['a1'] }) })).toEqual(running);
    expect(planned(fleet, desired, { leaving, busy: ['m2'] })).toEqual(running);
  });

  it('counts for the removal guard', () => {
    const many = newFleet();
    const services = Object.fromEntries(['a', 'b', 'c'].map(name => [name, { machine: 'm2' }]));
    settle(many, desire({ services: { ...keep, ...services } }));
    expect(think(many, desire({ services: keep, machines: one }), { leaving }).held?.why).toMatch(
      /^it would remove 3 of 4/,
    );
  });
});
