// Locks of machines as people see and break them, on machines with real shells: whose they are, and that a broken holder stops.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { occupied } from '../../reconciler/loop/machine-turn.js';
import { lockBreak } from '../../reconciler/operations/lock-break.js';
import { lockShow } from '../../reconciler/operations/lock-show.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.push({ web: { machine: 'm1' } });
});
afterEach(() => world.close());

const state = () => join(world.folder('m1'), 'state/portoser/clusters/c');
const now = () => Math.floor(Date.now() / 1000);

/** A lock on m1: its holder, and when it was renewed. */
function lockedBy(holder: string, renewedAt = now()): void {
  mkdirSync(state(), { recursive: true });
  touch(join(state(), 'fence'), '7.old\n');
  touch(join(state(), 'lock'), `${holder} ${renewedAt} 7\n`);
}

const context = (): Context => ({
  ports: world.ports,
  lists: world.lists,
  settings: resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 }),
  actor: { name: 'ada', by: 'cli' },
  emit: one => void world.told.push(one),
  signal: new AbortController().signal,
});
const breaks = (more: { readonly running?: boolean } = {}) => lockBreak.run(context(), { machine: 'm1', ...more });

describe('lock show', () => {
  it.each([
    ['another controller', 'other 1:1', 0, { state: 'theirs', stale: false }],
    ['another controller that has not renewed it', 'other 1:1', 61, { state: 'theirs', stale: true }],
    ['a process of this one that runs', `c0ffee ${process.pid}:1`, 0, { state: 'ours', stale: false }],
    ['a process of this one that is gone', 'c0ffee 999999:1', 0, { state: 'left', stale: true }],
  ])('%s', async (_, holder, age, expected) => {
    lockedBy(holder, now() - age);
    const [controller, process] = holder.split(' ');
    expect(await lockShow.run(context(), { machine: 'm1' })).toMatchObject([
      { machine: 'm1', ...expected, lock: { controller, process, fence: 7 } },
    ]);
  });

  it('all machines: free, and one that does not answer', async () => {
    world.down.add('m2');
    expect(await lockShow.run(context(), {})).toMatchObject([
      { machine: 'm1', state: 'free' },
      { machine: 'm2', state: 'unknown', error: { code: 'ssh-unreachable' } },
    ]);
    await expect(lockShow.run(context(), { machine: 'm9' })).rejects.toMatchObject({ code: 'unknown-name' });
  });
});

describe('lock break', () => {
  it('takes it from another controller, journaled; then changes go on', async () => {
    lockedBy('other 1:1');
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 failed machine-lock']);
    expect(await breaks()).toMatchObject({ machine: 'm1', state: 'broken', before: { controller: 'other', fence: 7 } });
    expect(existsSync(join(state(), 'lock'))).toBe(false);
    expect(readFileSync(join(state(), 'fence'), 'utf8')).toMatch(/^8\./);
    expect(world.journal.entries.at(-1)).toMatchObject({ what: 'lock.break', where: 'm1', keys: ['1:1'] });
    expect(world.log.lines).toContainEqual(
      expect.objectContaining({ level: 'info', fields: expect.objectContaining({ by: 'ada' }) as object }),
    );
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  });

  it('where there is none nothing is written', async () => {
    expect(await breaks()).toEqual({ machine: 'm1', state: 'free' });
    expect(world.sent).toEqual(['m1 probe']);
  });

  it('of a machine that does not answer says so', async () => {
    world.down.add('m1');
    await expect(breaks()).rejects.toMatchObject({ code: 'ssh-unreachable' });
  });

  it('of a controller that runs here only when that is said', async () => {
    lockedBy(`c0ffee ${process.pid}:1`);
    await expect(breaks()).rejects.toMatchObject({ code: 'machine-lock' });
    expect(existsSync(join(state(), 'lock'))).toBe(true);
    expect(await breaks({ running: true })).toMatchObject({ state: 'broken' });
  });

  it('in the middle of a change stops its holder, and nothing is started twice', async () => {
    const started = join(world.folder('m1'), 'web/started');
    await world.push({ web: { machine: 'm1', command: `sh -c 'echo x >>${started}; exec sleep 1000'` } });
    world.before = async (_, kind) => {
      if (kind !== 'stamps') return;
      world.before = async () => undefined;
      await breaks({ running: true });
    };
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 failed machine-fenced']);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied repair']);
    expect(readFileSync(started, 'utf8')).toBe('x\n');
    expect((await world.pass()).plan?.waves).toEqual([]);
  });
});

describe('a lock that was left on a machine where nothing is to be done', () => {
  beforeEach(async () => {
    await world.pass();
    world.sent.length = 0;
  });
  const stands = () => existsSync(join(state(), 'lock'));
  const sentTo = (machine: string) => world.sent.filter(one => one.startsWith(machine));

  it.each([
    ['a process of this controller that is gone', 'c0ffee 999999:1'],
    ['this very process', `c0ffee ${process.pid}:1`],
  ])('by %s is given back by the next pass, journaled', async (_, holder) => {
    lockedBy(holder);
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect(stands()).toBe(false);
    expect(readFileSync(join(state(), 'fence'), 'utf8')).toMatch(/^8\./);
    expect(world.journal.entries.at(-1)).toMatchObject({ what: 'lock.break', where: 'm1', keys: [holder.slice(7)] });
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect(sentTo('m1')).toEqual(['m1 probe', 'm1 other', 'm1 probe']);
  });

  it.each([
    ['another controller', 'other 999999:1'],
    ['another process of this controller that runs', 'c0ffee 999998:1'],
  ])('by %s stays', async (_, holder) => {
    vi.spyOn(world.ports.state, 'runs').mockImplementation(name => name === '999998:1');
    lockedBy(holder);
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect([stands(), sentTo('m1')]).toEqual([true, ['m1 probe']]);
  });

  it('stays while one of its steps runs', async () => {
    lockedBy('c0ffee 999999:1');
    const step = join(state(), 'steps/s9/open');
    mkdirSync(dirname(step), { recursive: true });
    touch(step, `${process.pid} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}\n`);
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect([stands(), sentTo('m1')]).toEqual([true, ['m1 probe']]);
  });

  it('stays while this process does something there', async () => {
    lockedBy(`c0ffee ${process.pid}:1`);
    let end = (): void => undefined;
    const working = occupied(world.ports, 'm1', () => new Promise<void>(resolve => (end = resolve)));
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect([stands(), sentTo('m1')]).toEqual([true, ['m1 probe']]);
    end();
    await working;
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect(stands()).toBe(false);
  });
});
