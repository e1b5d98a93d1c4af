// Moves: what stops before it starts elsewhere, what stays because its successor cannot be started, and what an unfinished move leaves.
import { beforeEach, describe, expect, it } from 'vitest';
import { movingStamp } from '../../reconciler/core/stamps.js';
import type { StampMove } from '../../schema/stamp-moves.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { desire, newFleet, order, planned, seenAs, settle, think } from './thinking.js';

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
});

const three = { m1: {}, m2: {}, m3: {} };
const db = (where: object = {}) => ({ stateful: true, data: 'copy', ...where });
const at = (machine: string) => desire({ services: { db: db({ machine }) }, machines: three });
const lines = (machine: string, how: object = {}): readonly string[] => planned(fleet, at(machine), how);

/** A move from m1 to m2 that came so far. */
function moved(state: StampMove['state']): void {
  const of = at('m2').placements[0]?.fingerprint ?? '';
  const { stamps } = fleet.machine('m1');
  const stamp = stamps.get('db');
  if (stamp === undefined) throw new Error('no stamp');
  stamps.set('db', movingStamp(stamp, { machine: 'm2', of }, state));
}

describe('a service without data', () => {
  it('stays where it is while its successor cannot be started', () => {
    settle(fleet, desire({ services: { web: {} } }));
    fleet.machine('m2').reachable = false;
    expect(planned(fleet, desire({ services: { web: { machine: 'm2' } } })).slice(0, 2)).toEqual([
      'unknown web@m2: m2 is off',
      'unknown web@m1: it stays as it is, since web@m2 is left alone: m2 is off',
    ]);
    const suspended = desire({ services: { web: { machine: 'm2', suspend: true } } });
    fleet.machine('m2').reachable = true;
    expect(order(think(fleet, suspended))).toBe('');
  });

  it('is not started elsewhere while hands are off it by name where it is', () => {
    settle(fleet, desire({ services: { web: {} } }));
    const to = desire({ services: { web: { machine: 'm2' } } });
    const suspended = (more: object) =>
      seenAs(fleet.look(to), 'm1', { suspends: [{ service: 'web', reason: 'looking', by: 'ada', at: 1, ...more }] });
    expect(planned(fleet, to, { live: suspended({}) })).toEqual([
      'suspended web@m2: it is on m1 still: suspended: looking (by ada)',
      'suspended web@m1: suspended: looking (by ada)',
    ]);
    expect(think(fleet, to, { live: suspended({ until: 1_000_100 }) }).leftAlone[0]?.until).toBe(100_000);
    for (const other of [{ service: 'db' }, { until: 999_999 }])
      expect(order(think(fleet, to, { live: suspended(other) }))).toBe('create web@m2 | stop web@m1');
  });

  it('that runs at its new place already is changed there, though hands are off the old one', () => {
    settle(fleet, desire({ services: { web: {} } }));
    const to = desire({ services: { web: { machine: 'm2' } } });
    fleet.apply(think(fleet, to), to, new Set(['web@m1']));
    const next = desire({ services: { web: { machine: 'm2', env: { A: '1' } } } });
    const suspends = [{ service: 'web', reason: 'looking', by: 'ada', at: 1 }];
    expect(order(think(fleet, next, { live: seenAs(fleet.look(next), 'm1', { suspends }) }))).toBe('update web@m2');
  });

  it('is moved whole, whichever of its machines is chosen', () => {
    settle(fleet, desire({ services: { web: {} } }));
    const to = desire({ services: { web: { machine: 'm2' } } });
    for (const machine of ['m1', 'm2'])
      expect(order(think(fleet, to, { selection: { machine } }))).toContain('create web@m2');
    expect(order(think(fleet, to, { selection: { machine: 'm1' } }))).toBe('create web@m2 | stop web@m1');
  });
});

describe('a service with data', () => {
  beforeEach(() => settle(fleet, at('m1')));

  it('is a pair of changes, with or without being stateful', () => {
    expect(think(fleet, at('m2')).waves.flat()).toMatchObject([
      { key: 'db@m2', kind: 'create', move: { from: 'm1', copies: true, handed: false } },
      { key: 'db@m1', kind: 'stop', reason: 'moved', after: ['db@m2'] },
    ]);
    const only = desire({ services: { db: { data: 'copy', machine: 'm2' } } });
    expect(think(fleet, only).waves.flat()[0]).toMatchObject({ move: { from: 'm1' } });
    for (const machine of ['m1', 'm2'])
      expect(order(think(fleet, at('m2'), { selection: { machine } }))).toBe('create db@m2 | stop db@m1');
  });

  it('does not count as a removal, and settles', () => {
    settle(fleet, at('m2'));
    expect(lines('m2')).toEqual([]);
    settle(fleet, at('m1'));
    expect(lines('m1')).toEqual([]);
  });

  it('waits while the machine that it leaves is unknown, and is left alone while that is busy or it was adopted by hand', () => {
    fleet.machine('m1').reachable = false;
    expect(lines('m2')).toEqual([
      '1 create db@m2 missing: it is not there',
      'machine m1 unknown: m1 is off',
      'held: db@m2 is seen nowhere and may be on m1, not answering: here it would start without what it has there, and might run twice',
    ]);
    const anew = newFleet();
    settle(anew, at('m1'));
    anew.machine('m1').reachable = false;
    anew.apply(think(anew, at('m2')), at('m2'));
    anew.machine('m1').reachable = true;
    expect(planned(anew, at('m2'))).toEqual(['1 stop db@m1 moved: it moved to m2 [machine m1 → m2]']);
    fleet.machine('m1').reachable = true;
    expect(lines('m2', { busy: ['m1'] })[0]).toBe('in-progress db@m2: it is on m1 still: a change is running on m1');
    const stamp = fleet.machine('m1').stamps.get('db');
    if (stamp !== undefined) fleet.machine('m1').stamps.set('db', { ...stamp, adopted: true });
    expect(lines('m2').map(line => line.split(':')[0])).toEqual(['blocked db@m2', 'blocked db@m1']);
  });

  it('does not start elsewhere without what was stopped with it', () => {
    settle(fleet, desire({ services: {}, machines: three, policy: { max_removals: '100%' } }), {
      approved: ['remove:db@m1'],
    });
    // Also while it may be elsewhere: who names m1 again is asked then.
    fleet.machine('m3').reachable = false;
    expect(lines('m2')[0]).toContain('its data are on m1, where it was stopped');
    expect(lines('m1').at(-1)).toContain('held: db@m1 is seen nowhere and may be on m3, not answering');
    fleet.machine('m3').reachable = true;
    expect(lines('m2')).toEqual([
      'blocked db@m2: it is stateful, and its data are on m1, where it was stopped: let the registry name m1 again first, and move it from there',
    ]);
  });

  it('moves one at a time', () => {
    const to = desire({ services: { db: { stateful: true, data: 'copy', machines: ['m2', 'm3'] } }, machines: three });
    expect(planned(fleet, to)[0]).toBe('blocked db@m2: it stands on m1, and m2, m3 are new: move one at a time');
  });
});

describe('a move that was begun before', () => {
  beforeEach(() => settle(fleet, at('m1')));

  it('is undone first while nothing was handed over, whether or not the other machine answers', () => {
    moved('going');
    const again = '1 repair db@m1 stopped: its move to m2 was not finished: it runs here again';
    expect(lines('m2')).toEqual([
      again,
      'in-progress db@m2: an earlier move was not finished: it is started on m1 first',
    ]);
    fleet.machine('m2').reachable = false;
    expect(lines('m2')[0]).toBe(again);
  });

  it.each([
    ['going', 'repair db@m1'],
    ['handed', 'update db@m2 | stop db@m1'],
  ] as const)('that stopped its service waits neither for an approval nor for a window: %s', (state, expected) => {
    moved(state);
    const stamp = fleet.machine('m1').stamps.get('db');
    if (stamp === undefined) throw new Error('no stamp');
    const { fingerprint: _, move: _move, ...claim } = stamp;
    if (state === 'handed') fleet.machine('m2').stamps.set('db', claim);
    const wanted = (policy: object) =>
      desire({
        services: { db: db({ machine: 'm2' }) },
        machines: three,
        policy: { ...policy, approve_when: ['stateful'] },
      });
    expect(order(think(fleet, wanted({ apply: 'approve' })))).toBe(expected);
    expect(order(think(fleet, wanted({ windows: [{ allow: true, cron: '0 3 1 1 *', for: '1m' }] })))).toBe(expected);
  });

  it('after it was handed over goes on, and nothing starts while nobody can look', () => {
    moved('handed');
    expect(lines('m2')[0]).toBe('blocked db@m2: its data came here from m1, and m2 knows nothing of them any more');
    const stamp = fleet.machine('m1').stamps.get('db');
    if (stamp === undefined) throw new Error('no stamp');
    const { fingerprint: _, move: _move, ...claim } = stamp;
    fleet.machine('m2').stamps.set('db', { ...claim, prunedAt: 1_000_000 });
    expect(think(fleet, at('m2')).waves.flat()).toMatchObject([
      { key: 'db@m2', kind: 'update', move: { handed: true } },
      { key: 'db@m1', kind: 'stop' },
    ]);
    expect(order(think(fleet, at('m3')))).toBe('create db@m3 | stop db@m1');
    fleet.machine('m2').reachable = false;
    expect(lines('m2').filter(line => /^\d/.test(line))).toEqual([]);
    for (const machine of ['m1', 'm3'])
      expect(lines(machine)[0]).toBe(
        `unknown db@${machine}: m1 handed it over to m2, which does not answer: it may run there`,
      );
  });

  it('is finished where it may have been started', () => {
    moved('handed');
    const stamp = fleet.machine('m1').stamps.get('db');
    if (stamp === undefined) throw new Error('no stamp');
    const { fingerprint: _, move: _move, ...claim } = stamp;
    fleet.machine('m2').stamps.set('db', claim);
    const plan = think(fleet, at('m2'));
    expect(order(plan)).toBe('update db@m2 | stop db@m1');
    expect(plan.waves[0]?.[0]?.move).toEqual({ from: 'm1', copies: true, handed: true });
    // Whoever was handed the data has them: going back is a move too.
    expect(think(fleet, at('m1')).waves.flat()[0]).toMatchObject({ key: 'db@m1', move: { from: 'm2' } });
  });

  it('is not tried again by itself after it failed', () => {
    moved('failed');
    expect(lines('m2').map(line => line.split(':')[0])).toEqual(['held db@m2', 'held db@m1']);
    expect(order(think(fleet, at('m2'), { again: ['db'] }))).toBe('create db@m2 | stop db@m1');
    expect(order(think(fleet, at('m3')))).toBe('create db@m3 | stop db@m1');
  });
});
