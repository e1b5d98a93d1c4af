// History of a run is whole wherever its process was killed: each change once, as the machines show it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { runPass } from '../../reconciler/loop/pass.js';
import { recorderOf } from '../../reconciler/loop/record.js';
import type { Journal, Ports } from '../../reconciler/ports.js';
import type { Change, Plan } from '../../schema/plan.js';
import type { DesiredState } from '../../schema/state.js';
import type { PassReport } from '../../schema/status.js';
import { createFakeJournal } from '../fakes/journal.js';
import { createFakePorts } from '../fakes/ports.js';
import { createFakeStore, type FakeStore } from '../fakes/store.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const actor = { name: 'ada', by: 'cli' } as const;
const open = () => world.journal.entries.filter(one => one.endedAt === undefined).map(one => one.id);
const runs = () => world.store.records.flatMap(one => (one.kind === 'run' ? [one] : []));
const told = () => world.told.filter(one => one.kind === 'note').map(one => one.text);
const history = async (): Promise<readonly string[]> =>
  (await world.store.deployments({ limit: 9 })).map(one =>
    [one.runId, one.key, one.kind, one.result, one.error?.code].filter(Boolean).join(' '),
  );

/** A pass of another process, which is killed where it passes that point; what it told the store is lost, or kept there. */
async function killedAt(point: string, store: FakeStore = createFakeStore()): Promise<PassReport> {
  let alive = true;
  const journal = createFakeJournal({ entries: world.journal.entries, processName: '999999:1', runs: () => true });
  const ifAlive =
    <T extends readonly unknown[]>(act: (...words: T) => Promise<void>) =>
    async (...words: T): Promise<void> => {
      if (alive) await act(...words);
    };
  const dying: Journal = { ...journal, begin: ifAlive(journal.begin), end: ifAlive(journal.end) };
  const crashPoint = (name: string): void => {
    if (name !== point) return;
    alive = false;
    // What is left to be done has no effect any more.
    if (point !== 'after the run is kept') throw new AppError('interrupted', 'killed');
  };
  const ports: Ports = { ...world.ports, journal: dying, store, crashPoint };
  const { signal } = new AbortController();
  const context = { ports, lists: world.lists, emit: () => undefined, signal, actor };
  const report = await runPass(context, { trigger: 'deploy by ada', from: 'commit' });
  expect(alive).toBe(false);
  return report;
}

describe('the intent of a run', () => {
  it('is on the disk before anything is changed, and closed when history has it', async () => {
    const seen: string[] = [];
    world.before = async (_, kind) => {
      if (kind === 'batch') seen.push(...open());
    };
    const commit = await world.push({ web: { machine: 'm1' } });
    const { id } = await world.pass();
    expect(seen[0]).toBe(id);
    expect(world.journal.entries.find(one => one.id === id)).toMatchObject({
      to: 'history',
      run: id,
      intends: { commit, actor: { by: 'loop' }, changes: [{ key: 'web@m1', kind: 'create', commit }] },
    });
    expect(open()).toEqual([]);
    const count = world.journal.entries.length;
    await world.pass();
    expect(world.journal.entries, 'a pass that changes nothing notes nothing').toHaveLength(count);
  });

  it('stays open until the end of what outlasts the pass is kept too', async () => {
    const ports = createFakePorts();
    const keep: (() => void)[] = [];
    const store = { ...ports.store, record: (_: unknown, kept?: () => void) => void (kept && keep.push(kept)) };
    const recorder = recorderOf({ ...ports, store }, { id: 'r1', trigger: 't', actor, startedAt: 1 });
    const change = (key: Change['key']): Change => {
      const more = { kind: 'create', reason: 'missing', because: '', fields: [], basis: '', after: [] } as const;
      return { key, service: 'web', machine: 'm1', ...more };
    };
    const waves = [[change('web@m1'), change('db@m1')]];
    const plan: Plan = { id: 'p', commit: 'c', leftAlone: [], machines: [], waves };
    await recorder.begins({ plan, desired: { placements: [] } as unknown as DesiredState }, 'c');
    const applied = { result: 'applied', kind: 'create', durationMs: 1 } as const;
    const goesOn = { key: 'web@m1', result: 'in-progress', why: 'it goes on' } as const;
    recorder.finish({ endedAt: 2, next: { next: 'settled' }, plan, outcomes: [goesOn, { key: 'db@m1', ...applied }] });
    keep.shift()?.();
    expect(ports.journal.entries[0]).not.toHaveProperty('endedAt');
    recorder.endedLate({ key: 'web@m1', ...applied });
    expect(ports.journal.entries[0]).not.toHaveProperty('endedAt');
    keep.shift()?.();
    expect(ports.journal.entries[0]).toHaveProperty('endedAt');
  });
});

describe('a run that was killed', () => {
  it('is told as it was meant, with what its machine shows, and once', async () => {
    const commit = await world.push({ web: { machine: 'm1', env: { A: '1' } } });
    const { id } = await killedAt('before the pass is noted');
    expect(await history()).toEqual([]);
    const report = await world.pass();
    expect(report.outcomes).toEqual([]);
    expect(await world.store.deployments({ limit: 9 })).toMatchObject([
      { runId: id, key: 'web@m1', kind: 'create', reason: 'missing', result: 'applied', commit, actor },
    ]);
    expect(runs()[0]?.run).toMatchObject({ id, trigger: 'deploy by ada', actor, commit });
    expect(told()).toEqual(['an earlier run was killed; history has what became of its changes: 1 done']);
    expect(report.settled).toMatchObject([{ id, to: 'history', end: 'done' }]);
    expect(open()).toEqual([]);
    expect((await world.pass()).settled).toBeUndefined();
    expect(runs()).toHaveLength(1);
  });

  it('is told with what was interrupted and what was not begun; the next one does it', async () => {
    await world.push({ db: { machine: 'm1' }, web: { machine: 'm2', depends_on: ['db'] } });
    const { id } = await killedAt('after the gates');
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['db@m1 applied repair', 'web@m2 applied create']);
    expect((await history()).toSorted()).toEqual(
      [
        `${id} db@m1 create failed interrupted`,
        `${id} web@m2 create skipped`,
        `${report.id} db@m1 repair applied`,
        `${report.id} web@m2 create applied`,
      ].toSorted(),
    );
    expect(open()).toEqual([]);
  });

  it('before it changed anything is closed, and stands in no history', async () => {
    await world.push({ web: { machine: 'm1' } });
    await killedAt('after the run is intended');
    const report = await world.pass();
    expect(told()).toEqual(['an earlier run was killed before it changed anything']);
    expect(await history()).toEqual([`${report.id} web@m1 create applied`]);
    expect(open()).toEqual([]);
  });

  it('when history had it keeps what it told itself', async () => {
    await world.push({ web: { machine: 'm1' } });
    const { id } = await killedAt('after the run is kept', world.store);
    expect(open()).toEqual([id]);
    const [before] = await world.store.deployments({ limit: 9 });
    await world.pass();
    expect(await history()).toEqual([`${id} web@m1 create applied`]);
    expect((await world.store.deployments({ limit: 9 }))[0]).toEqual(before);
    expect(open()).toEqual([]);
  });

  it('of which a machine does not answer is told at once, and better when it does', async () => {
    await world.push({ db: { machine: 'm1' }, web: { machine: 'm2' } });
    const { id } = await killedAt('before the pass is noted');
    world.down.add('m2');
    await world.pass();
    await world.pass();
    expect((await history()).toSorted()).toEqual([
      `${id} db@m1 create applied`,
      `${id} web@m2 create failed interrupted`,
    ]);
    expect(runs()).toHaveLength(1);
    expect(open()).toEqual([id]);
    world.down.clear();
    await world.pass();
    expect((await history()).toSorted()).toEqual([`${id} db@m1 create applied`, `${id} web@m2 create applied`]);
    expect(open()).toEqual([]);
  });

  it('does not claim what a later run did, while it waits for a machine', async () => {
    await world.push({ db: { machine: 'm1' }, web: { machine: 'm2' } });
    const { id } = await killedAt('after the gates');
    world.down.add('m2');
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['db@m1 applied repair']);
    world.down.clear();
    await world.pass();
    expect(open()).toEqual([]);
    const ofDb = (await history()).filter(one => one.includes('db@m1'));
    expect(ofDb.toSorted()).toEqual(
      [`${id} db@m1 create failed interrupted`, `${report.id} db@m1 repair applied`].toSorted(),
    );
  });

  it('does not claim what a later one did that was killed as well', async () => {
    await world.push({ web: { machine: 'm1' } });
    const first = await killedAt('after the gates');
    const second = await killedAt('before the pass is noted');
    await world.pass();
    expect(open()).toEqual([]);
    expect((await history()).toSorted()).toEqual(
      [`${first.id} web@m1 create failed interrupted`, `${second.id} web@m1 repair applied`].toSorted(),
    );
  });

  it('waits no longer than an hour for a machine', async () => {
    await world.push({ web: { machine: 'm1' } });
    const { id } = await killedAt('before the pass is noted');
    const at = world.journal.entries.findIndex(one => one.id === id);
    const entry = world.journal.entries[at];
    if (entry !== undefined) world.journal.entries[at] = { ...entry, at: entry.at - 3_700_000 };
    world.down.add('m1');
    await world.pass();
    expect(await history()).toEqual([`${id} web@m1 create failed interrupted`]);
    expect(open()).toEqual([]);
  });

  it('of which a revision is held is told as failed, and as undone when the one before runs again', async () => {
    const good = await world.push({ web: { machine: 'm1' } });
    await world.pass();
    await world.push({ web: { machine: 'm1', command: 'false', health: { type: 'process' } } });
    const { id } = await killedAt('before the pass is noted');
    await world.pass();
    expect((await world.store.deployments({ limit: 1 }))[0]).toMatchObject({
      runId: id,
      result: 'failed',
      error: { code: 'gate-failed' },
      undone: { result: 'back', commit: good },
    });
  });
});

it('a pass that breaks is noted with what it had begun', async () => {
  await world.push({ web: { machine: 'm1' } });
  const crashPoint = (name: string): void => {
    if (name === 'before the pass is noted') throw new AppError('git-unreachable', 'it broke');
  };
  const { signal } = new AbortController();
  const context = { ports: { ...world.ports, crashPoint }, lists: world.lists, emit: () => undefined, signal };
  const report = await runPass(context, { trigger: 'test', from: 'commit' });
  expect(report.error?.code).toBe('git-unreachable');
  expect(await history()).toEqual([`${report.id} web@m1 create applied`]);
  expect(open()).toEqual([]);
});
