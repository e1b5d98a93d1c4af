// What policy makes wait: plans and parts of plans that a person approves, and what is only observed.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../schema/plan.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, settle, think, type Thought } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const approve = { policy: { apply: 'approve' } };
const observe = { policy: { apply: 'observe' } };

/** What goes on, and what waits for what: `web@m1 | held: why` or `web@m1 | db@m1 (approval)`. */
function told(plan: Plan): string {
  if (plan.held !== undefined) return `held: ${plan.held.why} (${plan.held.by ?? 'approval'})`;
  const parts = plan.waiting?.map(part => `${part.changes.map(one => one.key).join(' ')} (${part.by})`) ?? [];
  return [order(plan), ...parts].join(' | waits ');
}

const plan = (services: Readonly<Record<string, object>>, policy: object = {}, how: Thought = {}): Plan =>
  think(fleet, desire({ services, policy }), how);

describe('policy.apply', () => {
  it.each([
    ['approve holds the whole', { web: {}, db: {} }, { apply: 'approve' }, 'held: policy.apply is approve (approval)'],
    [
      'observe holds the whole',
      { web: {}, db: {} },
      { apply: 'observe' },
      'held: policy.apply is observe: nothing is changed (observe)',
    ],
    ['of a service takes its changes out', { web: {}, db: approve }, {}, 'create web@m1 | waits db@m1 (approval)'],
    [
      'of a service over that of the registry',
      { web: {}, db: { policy: { apply: 'auto' } } },
      { apply: 'approve' },
      'create db@m1 | waits web@m1 (approval)',
    ],
    [
      'with each its own',
      { web: observe, db: approve, api: {} },
      {},
      'create api@m1 | waits web@m1 (observe) | waits db@m1 (approval)',
    ],
    ['and nothing goes on', { web: observe, db: approve }, {}, ' | waits web@m1 (observe) | waits db@m1 (approval)'],
    ['holds nothing where nothing is to be done', {}, { apply: 'approve' }, ''],
  ] as readonly (readonly [string, Readonly<Record<string, object>>, object, string])[])(
    '%s',
    (_, services, policy, expected) => {
      expect(told(plan(services, policy))).toBe(expected);
    },
  );

  it.each([
    [
      'a first start',
      { db: { ...approve }, web: { depends_on: ['db'] }, api: {} },
      'create api@m1 | waits db@m1 web@m1 (approval)',
    ],
    [
      'a first start that is only observed',
      { db: { ...observe }, web: { depends_on: ['db'] }, api: {} },
      'create api@m1 | waits db@m1 web@m1 (observe)',
    ],
    [
      'through others',
      { db: approve, web: { depends_on: ['db'] }, api: { depends_on: ['web'] } },
      'held: policy.apply is approve (approval)',
    ],
  ] as const)('what comes after %s waits too', (_, services, expected) => {
    expect(told(plan(services))).toBe(expected);
  });

  it('an update that waits holds up what comes after it; one that is only observed does not', () => {
    const services = (db: object, env: object) => ({ db: { ...db, env }, web: { depends_on: ['db'], env } });
    settle(fleet, desire({ services: services({}, {}) }));
    const changed = (db: object) => told(plan(services(db, { A: '1' })));
    expect(changed(approve)).toBe('held: policy.apply is approve (approval)');
    expect(changed(observe)).toBe('update web@m1 | waits db@m1 (observe)');
  });

  it('what takes the place of something that waits to be stopped waits too', () => {
    settle(fleet, desire({ services: { old: { port: 80 } } }));
    const now = { fresh: { port: 80, policy: { apply: 'auto' } }, other: { policy: { apply: 'auto' } } };
    expect(told(plan(now, { apply: 'approve' }))).toBe('create other@m1 | waits old@m1 fresh@m1 (approval)');
  });
});

describe('policy.approve_when', () => {
  const before = { a: {}, b: {}, c: { machine: 'm2' }, d: { stateful: true, machine: 'm2' } };
  const changed = (...names: string[]) =>
    Object.fromEntries(
      Object.entries(before).map(([name, one]) => [name, names.includes(name) ? { ...one, env: { A: '1' } } : one]),
    );
  const without = (name: string) => Object.fromEntries(Object.entries(before).filter(([key]) => key !== name));
  beforeEach(() => settle(fleet, desire({ services: before })));

  it.each([
    ['removes', without('a'), 'held: it removes a@m1 (policy.approve_when: removes) (approval)'],
    ['removes', changed('a'), 'update a@m1'],
    ['removes', { ...before, a: { machine: 'm2' } }, 'create a@m2 | stop a@m1'],
    ['stateful', changed('d', 'a'), 'held: it changes d@m2 (policy.approve_when: stateful) (approval)'],
    ['stateful', changed('a', 'b'), 'update a@m1, update b@m1'],
    ['stateful', without('d'), 'held: it changes d@m2 (policy.approve_when: stateful) (approval)'],
    ['stateful', without('a'), 'stop a@m1'],
    [
      'stateful',
      { ...before, d: { machine: 'm2', env: { A: '1' } } },
      'held: it changes d@m2 (policy.approve_when: stateful) (approval)',
    ],
    ['machines > 1', changed('a', 'c'), 'held: it changes 2 machines (policy.approve_when: machines > 1) (approval)'],
    ['machines > 1', changed('a', 'b'), 'update a@m1, update b@m1'],
    [
      'services > 2',
      changed('a', 'b', 'c'),
      'held: it changes 3 services (policy.approve_when: services > 2) (approval)',
    ],
    ['services > 2', changed('a', 'b'), 'update a@m1, update b@m1'],
    ['services>0', changed('a'), 'held: it changes 1 service (policy.approve_when: services > 0) (approval)'],
  ] as readonly (readonly [string, Readonly<Record<string, object>>, string])[])(
    '%s: %j',
    (condition, services, expected) => {
      expect(told(plan(services, { approve_when: [condition] }))).toBe(expected);
    },
  );

  it('asks once before what is stateful is stopped, and not when that is taken away later', () => {
    settle(fleet, desire({ services: without('d') }));
    const machine = fleet.machine('m2');
    machine.facts = { ...machine.facts, clock: machine.facts.clock + 8 * 86_400 };
    expect(told(plan(without('d'), { approve_when: ['stateful'] }))).toBe('remove d@m2');
  });

  it('of the registry is judged over all that it is in force for, and holds just these', () => {
    const services = { ...changed('a', 'b'), d: { ...changed('d')['d'], policy: { approve_when: [] } } };
    expect(told(plan(services, { approve_when: ['stateful'] }))).toBe('update a@m1, update b@m1, update d@m2');
    expect(told(plan(services, { approve_when: ['services > 1'] }))).toBe('update d@m2 | waits a@m1 b@m1 (approval)');
  });

  it('of a service is judged over its own changes alone', () => {
    const own = { policy: { approve_when: ['machines > 1'] } };
    const wide = (env: object) => ({
      a: { machines: ['m1', 'm2'], env, ...own },
      b: { env, ...own },
      c: { machine: 'm2', env },
    });
    settle(fleet, desire({ services: wide({}) }));
    expect(told(plan(wide({ A: '1' })))).toBe('update b@m1, update c@m2 | waits a@m1 a@m2 (approval)');
  });

  it('what a person removed by name needs no more', () => {
    expect(told(plan(without('a'), { approve_when: ['removes'] }, { approved: ['remove:a@m1'] }))).toBe('stop a@m1');
    expect(told(plan(without('a'), { apply: 'approve' }, { approved: ['remove:a@m1'] }))).toBe('stop a@m1');
  });
});

describe('an approval', () => {
  it('of the whole plan lets just that plan go on, and is named by it', () => {
    const { id } = plan({ web: {} }, { apply: 'approve' });
    const how = { approved: [id] };
    const approved = plan({ web: {} }, { apply: 'approve' }, how);
    expect([told(approved), approved.approvals]).toEqual(['create web@m1', { used: [id] }]);
    expect(told(plan({ web: {}, db: {} }, { apply: 'approve' }, how))).toContain('held');
    expect(told(think(fleet, desire({ services: { web: {} }, policy: { apply: 'approve' } }, 'c2'), how))).toContain(
      'held',
    );
  });

  it('of a part holds whatever the rest is by then', () => {
    const services = { web: {}, db: approve };
    const id = plan(services).waiting?.[0]?.id ?? '';
    const both = plan(services, {}, { approved: [id] });
    expect([told(both), both.approvals]).toEqual(['create db@m1, create web@m1', { used: [id] }]);
    fleet.apply(plan(services), desire({ services }));
    const rest = plan(services);
    expect([told(rest), rest.id]).toEqual(['held: policy.apply is approve (approval)', id]);
    expect(told(plan(services, {}, { approved: [id] }))).toBe('create db@m1');
  });

  it('does not change what is only observed', () => {
    const { id } = plan({ web: {} }, { apply: 'observe' });
    expect(told(plan({ web: {} }, { apply: 'observe' }, { approved: [id] }))).toContain('observe');
    const services = { web: observe, db: approve };
    const made = plan(services);
    expect(told(plan(services, {}, { approved: [made.id] }))).toBe('create db@m1 | waits web@m1 (observe)');
  });
});

describe('policy.windows', () => {
  const nights = { policy: { windows: { allow: true, cron: '0 22 * * *', for: '4h' } } };
  const noon = Date.parse('2026-11-28T12:00:00Z');
  const at = (hour: number) => noon + (hour - 12) * 3_600_000;
  const until = '2026-11-28 22:00 UTC';

  /** The plan at that hour of the day. */
  const planAt = (
    hour: number,
    services: Readonly<Record<string, object>>,
    policy: object = {},
    approved: readonly string[] = [],
  ) => {
    const desired = desire({ services, policy });
    return think(fleet, desired, { live: { ...fleet.look(desired), takenAt: at(hour) }, approved });
  };

  it('hold the whole plan outside of them, with the time when it goes on, and let it go on within', () => {
    const held = planAt(12, { web: {} }, nights.policy);
    expect(held.held).toEqual({ by: 'window', why: `it is outside of policy.windows until ${until}`, until: at(22) });
    expect(told(planAt(23, { web: {} }, nights.policy))).toBe('create web@m1');
  });

  it('of a service hold just that, and what comes after it', () => {
    const services = { db: nights, web: { depends_on: ['db'] }, api: {} };
    const made = planAt(12, services);
    expect(told(made)).toBe('create api@m1 | waits db@m1 web@m1 (window)');
    expect(told(planAt(22, services))).toBe('create api@m1, create db@m1 | create web@m1');
  });

  it('are parts of their own where they differ', () => {
    const days = { policy: { windows: [{ allow: true, cron: '0 13 * * *', for: '1h' }] } };
    const made = planAt(12, { db: nights, web: days, api: nights });
    expect(told(made)).toBe(' | waits api@m1 db@m1 (window) | waits web@m1 (window)');
    expect(made.waiting?.map(part => part.until)).toEqual([at(22), at(13)]);
  });

  it('are not opened by an approval, which holds until they open', () => {
    const policy = { ...nights.policy, apply: 'approve' };
    const first = planAt(12, { web: {} }, policy);
    expect(told(first)).toBe('held: policy.apply is approve (approval)');
    const second = planAt(12, { web: {} }, policy, [first.id]);
    expect([told(second), second.approvals]).toEqual([
      `held: it is outside of policy.windows until ${until} (window)`,
      undefined,
    ]);
    expect(told(planAt(22, { web: {} }, policy, [first.id]))).toBe('create web@m1');
  });

  it('leave approved what waits for its time when the rest of the approval goes on', () => {
    const services = { web: {}, db: nights };
    const policy = { apply: 'approve' };
    const { id } = planAt(12, services, policy);
    const made = planAt(12, services, policy, [id]);
    expect(told(made)).toBe('create web@m1 | waits db@m1 (window)');
    const left = made.approvals?.left ?? '';
    fleet.apply(made, desire({ services, policy }));
    expect(told(planAt(12, services, policy))).toContain('approve');
    expect(told(planAt(22, services, policy, [left]))).toBe('create db@m1');
  });
});
