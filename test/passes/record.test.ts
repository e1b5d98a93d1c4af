// What is noted for history: runs that changed something, with their deployments and who asked, and events.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Deployment, type HistoryRecord } from '../../schema/history.js';
import type { Change, Plan } from '../../schema/plan.js';
import { recorded, recorderOf } from '../../reconciler/loop/record.js';
import type { DesiredState, Stamp } from '../../schema/state.js';
import type { Progress } from '../../reconciler/operations/operation.js';
import { runPass } from '../../reconciler/loop/pass.js';
import { createFakePorts } from '../fakes/ports.js';
import { createWorld, type World } from './world.js';

const base = { id: 'r1', trigger: 't', actor: { name: 'portoser', by: 'loop' }, startedAt: 1 } as const;
const ended = { endedAt: 2, next: { next: 'settled' } } as const;
const nothingWanted = { placements: [] } as unknown as DesiredState;

function changeOf(key: Change['key'], kind: Change['kind']): Change {
  const [service = '', machine = ''] = key.split('@');
  return { key, service, machine, kind, reason: 'unhealthy', because: 'ill', fields: [], basis: '', after: [] };
}
const planOf = (...changes: readonly Change[]): Plan => ({
  id: 'p',
  commit: 'c',
  leftAlone: [],
  machines: [],
  waves: [changes],
});

describe('runs', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  const runs = () => world.store.records.flatMap(one => (one.kind === 'run' ? [one] : []));
  const ends = (of: readonly Deployment[]) => of.map(one => `${one.key} ${one.kind} ${one.result}`).toSorted();

  it('tell of each change when it began and ended, and not when its run did', async () => {
    const api = { machine: 'm1', depends_on: ['web'] };
    await world.push({ web: { machine: 'm1' }, api });
    const report = await world.pass();
    const timesOf = (key: string) => {
      const found = runs()[0]?.deployments.find(one => one.key === key);
      if (found === undefined) throw new Error(`nothing is told of ${key}`);
      return [found.startedAt, found.endedAt] as const;
    };
    const [web, later] = [timesOf('web@m1'), timesOf('api@m1')];
    const inOrder = [report.startedAt, ...web, ...later, report.endedAt];
    expect(inOrder).toEqual(inOrder.toSorted((one, other) => one - other));
    expect([web[0] > report.startedAt, later[0] > web[0]]).toEqual([true, true]);
  });

  it('are noted when something was changed, with plan, fields, commits and who asked', async () => {
    const first = await world.push({ web: { machine: 'm1' } });
    const actor = { name: 'ada', by: 'cli' } as const;
    const signal = new AbortController().signal;
    const asker = { ...actor, from: '192.0.2.7', token: 't1' }; // which history must not tell
    const context = { ports: world.ports, lists: world.lists, emit: () => undefined, signal, actor: asker };
    const report = await runPass(context, { trigger: 'deploy by ada', from: 'commit' });
    await world.pass();
    expect(runs()).toHaveLength(1);
    expect(runs()[0]?.deployments.map(one => one.actor)).toEqual([actor]);
    expect(runs()[0]?.run).toEqual({
      id: report.id,
      trigger: 'deploy by ada',
      actor,
      commit: first,
      startedAt: report.startedAt,
      endedAt: report.endedAt,
      plan: report.plan,
      next: { next: 'settled' },
    });
    const second = await world.push({ web: { machine: 'm1', env: { A: '2' } } });
    await world.pass();
    const [deployment] = runs()[1]?.deployments ?? [];
    expect(deployment).toMatchObject({
      key: 'web@m1',
      kind: 'update',
      reason: 'changed',
      fields: [{ field: 'env.A', to: '2' }],
      commit: second,
      previousCommit: first,
      result: 'applied',
      actor: { name: 'portoser', by: 'loop' },
      fingerprint: /^fingerprint (\S+)$/m.exec(world.readStamp('m1', 'web') ?? '')?.[1],
    });
    expect(runs()[1]?.run.actor.by).toBe('loop');
    expect(deployment?.steps?.map(one => `${one.what}: ${one.result}`)).toEqual([
      'claim the placement: done',
      'make the folder: done',
      ...(deployment?.steps ?? []).slice(2, -1).map(one => `${one.what}: done`),
      'wait until it is healthy: done',
    ]);
    const { writes } = await world.store.deployment(deployment?.id ?? '');
    expect(writes.map(one => `${one.what} ${one.where} ${one.error}`)).toEqual([
      'batch m1 undefined',
      'stamps m1 undefined',
    ]);
    expect(writes.every(one => one.endedAt !== undefined && one.endedAt >= one.at)).toBe(true);
  });

  it('tell what failed and what was left out because of it, and are not repeated for what is only left out', async () => {
    const broken = { machine: 'm1', command: 'sh -c "echo went wrong; exit 3"', health: { type: 'process' } };
    await world.push({ db: broken, web: { machine: 'm2', depends_on: ['db'] } });
    await world.pass();
    const [run] = runs();
    expect(ends(run?.deployments ?? [])).toEqual(['db@m1 create failed', 'web@m2 create skipped']);
    expect(run?.deployments.find(one => one.key === 'db@m1')).toMatchObject({
      error: { code: 'gate-failed' },
      outputTail: expect.stringContaining('went wrong') as string,
    });
    await world.pass();
    expect(runs()).toHaveLength(1);
  });
});

describe('a revision that failed', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });
  afterEach(() => world.close());

  it('is noted as failed, with what became of going back', async () => {
    const good = await world.push({ web: { machine: 'm1' } });
    await world.pass();
    const bad = await world.push({ web: { machine: 'm1', command: 'false', health: { type: 'process' } } });
    await world.pass();
    const [newest] = await world.store.deployments({ service: 'web', limit: 1 });
    expect(newest).toMatchObject({
      commit: bad,
      previousCommit: good,
      result: 'failed',
      error: { code: 'gate-failed' },
      undone: { result: 'back', commit: good },
    });
  });

  it('that is put right by a later pass is noted with the commit that was brought back', async () => {
    const ports = createFakePorts();
    const recorder = recorderOf(ports, base);
    const placement = {
      key: 'web@m1',
      fingerprint: 'print',
      instead: { of: 'f', commit: 'older' },
      spec: { policy: { onFailure: 'rollback' } },
    };
    const plan = planOf(changeOf('web@m1', 'update'));
    await recorder.begins({ plan, desired: { placements: [placement] } as unknown as DesiredState }, 'newer');
    recorder.finish({
      ...ended,
      plan,
      outcomes: [{ key: 'web@m1', result: 'applied', kind: 'update', durationMs: 1 }],
    });
    expect(ports.store.records).toMatchObject([{ run: { commit: 'newer' }, deployments: [{ commit: 'older' }] }]);
  });
});

describe('a revision that became ill later', () => {
  it('is noted beside what the plan changed', async () => {
    const ports = createFakePorts();
    const recorder = recorderOf(ports, base);
    const stamp = { fingerprint: 'ill', commit: 'condemned' } as Stamp;
    const plan = planOf(changeOf('db@m1', 'create'));
    const error = { code: 'gate-failed', message: 'ill', hint: '', retry: 'human' } as const;
    await recorder.condemns([{ change: { ...changeOf('web@m1', 'restart'), stamp }, error }], plan, 'c');
    await recorder.begins({ plan, desired: nothingWanted }, 'c');
    recorder.finish({
      ...ended,
      plan,
      outcomes: [
        { key: 'web@m1', result: 'failed', error, undone: { result: 'back', commit: 'older' } },
        { key: 'db@m1', result: 'applied', kind: 'create', durationMs: 1 },
      ],
    });
    const kept = (await ports.store.deployments({ limit: 9 })).toReversed();
    expect(kept[0]).toMatchObject({ fingerprint: 'ill', commit: 'condemned' });
    expect(kept.map(one => `${one.key} ${one.kind} ${one.result} ${one.undone?.result}`)).toEqual([
      'web@m1 restart failed back',
      'db@m1 create applied undefined',
    ]);
  });
});

describe('what ends late', () => {
  it('is noted after its run, also when the run is noted later', async () => {
    const ports = createFakePorts();
    const recorder = recorderOf(ports, base);
    const plan = planOf(changeOf('web@m1', 'create'));
    await recorder.begins({ plan, desired: nothingWanted }, 'c');
    recorder.endedLate({ key: 'web@m1', result: 'applied', kind: 'create', durationMs: 5 });
    expect(ports.store.records).toEqual([]);
    recorder.finish({
      ...ended,
      plan,
      outcomes: [{ key: 'web@m1', result: 'in-progress', why: 'it goes on' }],
    });
    expect(ports.store.records.map(one => one.kind)).toEqual(['run', 'ended']);
    expect(await ports.store.deployments({ limit: 1 })).toMatchObject([{ result: 'applied', durationMs: 5 }]);
  });
});

describe('going back that outlasts its pass', () => {
  const error = { code: 'gate-failed', message: 'ill', hint: '', retry: 'human' } as const;
  const plan = planOf(changeOf('web@m1', 'update'));
  const wanted = { key: 'web@m1', spec: { policy: {} }, instead: { of: 'ill', commit: 'older', images: {} } };
  const desired = { placements: [wanted] } as unknown as DesiredState;

  it.each([
    [{ result: 'applied', kind: 'update', durationMs: 5 } as const, { result: 'back', commit: 'older' }],
    [{ result: 'failed', error: { ...error, code: 'ssh-lost' } } as const, { error: { code: 'ssh-lost' } }],
  ])('is told when it ends: %o', async (end, undone) => {
    const ports = createFakePorts();
    const recorder = recorderOf(ports, base);
    await recorder.begins({ plan, desired: nothingWanted }, 'c');
    recorder.carried([{ key: 'web@m1', result: 'failed', error }]);
    await recorder.begins({ plan, desired }, 'c');
    recorder.carried([{ key: 'web@m1', result: 'in-progress', why: 'it goes on' }]);
    recorder.finish({ ...ended, plan, outcomes: [{ key: 'web@m1', result: 'failed', error }] });
    expect(await ports.store.deployments({ limit: 9 })).toMatchObject([{ result: 'in-progress', why: 'it goes on' }]);
    recorder.endedLate({ key: 'web@m1', ...end });
    expect(await ports.store.deployments({ limit: 9 })).toMatchObject([{ result: 'failed', error, undone }]);
  });
});

describe('events', () => {
  it('are what says so of the progress; the rest is only told', () => {
    const ports = createFakePorts();
    const told: Progress[] = [];
    const { emit } = recorded({ ports, emit: one => void told.push(one) });
    emit({ kind: 'waiting', text: 'an answer' });
    emit({
      kind: 'health',
      machine: 'm1',
      key: 'web@m1',
      text: 'unhealthy',
      event: 'health',
      data: { to: 'unhealthy' },
    });
    expect(told).toHaveLength(2);
    const event = { id: 'id1', at: ports.clock.now(), kind: 'health', machine: 'm1', key: 'web@m1' } as const;
    const expected: HistoryRecord = {
      kind: 'event',
      event: { ...event, text: 'unhealthy', data: { to: 'unhealthy' } },
    };
    expect(ports.store.records).toEqual([expected]);
  });
});
