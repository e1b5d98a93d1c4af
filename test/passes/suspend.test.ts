// Suspending and resuming in a real world: noted on the machine, known to every controller, waiting for changes that run there.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { preview } from '../../reconciler/loop/preview.js';
import { runController } from '../../reconciler/loop/turn.js';
import { resume } from '../../reconciler/operations/resume.js';
import { suspend } from '../../reconciler/operations/suspend.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { status } from '../../reconciler/operations/status.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
let context: Context;
beforeEach(async () => {
  world = await createWorld();
  const { ports, lists } = world;
  const actor = { name: 'ada', by: 'cli' } as const;
  context = {
    ports,
    lists,
    settings: {} as Context['settings'],
    actor,
    emit: one => void world.told.push(one),
    signal: new AbortController().signal,
  };
  await world.push({ web: { machine: 'm1' }, api: { machine: 'm1' } });
  await world.pass();
});
afterEach(() => world.close());

const edit = (env: object) => world.push({ web: { machine: 'm1', env }, api: { machine: 'm1', env } });
const stateFile = (name: string) => join(world.folder('m1'), 'state/portoser/clusters/c', name);

describe('suspend', () => {
  it('keeps every controller off a service until it is resumed', async () => {
    const done = await suspend.run(context, { services: ['web'], reason: 'looking at it' });
    expect(done).toEqual({
      reason: 'looking at it',
      by: 'ada',
      machines: [{ machine: 'm1', services: ['web'], done: true }],
    });
    expect(world.journal.entries.at(-1)).toMatchObject({ what: 'suspend', where: 'm1', keys: ['web@m1'] });
    await edit({ A: '1' });
    // Another controller, and a lost state folder: only the machine knows it.
    world.notes.clear();
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['api@m1 applied update']);
    expect(report.plan?.leftAlone).toMatchObject([
      { key: 'web@m1', state: 'suspended', why: 'suspended: looking at it (by ada)' },
    ]);
    expect(report.next).toEqual({ next: 'settled' });
    const shown = (await status.run(context, {})).placements.find(one => one.key === 'web@m1');
    expect(shown).toMatchObject({ health: 'suspended', why: 'suspended: looking at it (by ada)' });
    expect((await resume.run(context, { services: ['web@m1'] })).machines).toEqual([
      { machine: 'm1', services: ['web'], done: { resumed: true, still: [] } },
    ]);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
  });

  it('of a machine takes all of it, for its time, and says when that is over', async () => {
    const done = await suspend.run(context, { machine: 'm1', reason: 'new disk', for: '2h' });
    expect(done.until).toBeGreaterThan(Date.now());
    await edit({ A: '1' });
    const { plan } = await preview(world.ports, world.lists, { from: 'commit' });
    expect(plan?.waves).toEqual([]);
    expect(plan?.machines).toMatchObject([{ machine: 'm1', state: 'suspended' }]);
    expect(plan?.machines[0]?.why).toMatch(/^suspended: new disk \(by ada, until \d{4}-\d\d-\d\d \d\d:\d\d UTC\)$/);
    expect(plan?.machines[0]?.until).toBeGreaterThan(Date.now());
    // Its time is over by itself.
    const text = readFileSync(stateFile('suspends/_machine'), 'utf8');
    touch(stateFile('suspends/_machine'), text.replace(/^until .*$/m, 'until 5'));
    expect(outcomesOf(await world.pass())).toEqual(['api@m1 applied update', 'web@m1 applied update']);
  });

  it('of all tells what could not be reached, and does the rest', async () => {
    world.down.add('m2');
    const { machines } = await suspend.run(context, { all: true, reason: 'storm' });
    expect(machines).toMatchObject([
      { machine: 'm1', services: [], done: true },
      { machine: 'm2', error: { code: 'ssh-unreachable' } },
    ]);
  });

  it.each([
    ['nothing', {}, 'nothing was named'],
    ['two kinds of places', { services: ['web'], all: true }, 'exclude each other'],
    ['a name that is not there', { services: ['wbe'] }, 'there is no service `wbe`'],
    ['a service that runs elsewhere', { services: ['web@m2'] }, 'does not run on m2'],
    ['a machine that is not there', { machine: 'm9' }, 'there is no machine `m9`'],
    ['a time that is none', { all: true, for: 'soon' }, '`soon` is no duration'],
    ['no time at all', { all: true, for: '0' }, '`0` is no duration'],
    ['an empty reason', { all: true, reason: '' }, 'the reason is empty'],
    ['a reason of blanks', { all: true, reason: ' \u3000 ' }, 'the reason is empty'],
  ])('refuses %s', async (_, asked, message) => {
    world.sent.length = 0;
    await expect(suspend.run(context, { reason: 'x', ...asked })).rejects.toThrow(message);
    expect(world.sent).toEqual([]);
  });

  it('waits for the change of another that runs there, and holds for what comes after it', async () => {
    touch(stateFile('lock'), `other 1:1 ${Math.floor(Date.now() / 1000)} 7\n`);
    world.sleeps = async () => rmSync(stateFile('lock'), { force: true });
    await suspend.run(context, { services: ['web'], reason: 'x' });
    expect(world.told.filter(one => one.kind === 'waiting' && one.machine === 'm1').at(-1)?.text).toContain(
      'the change',
    );
    expect(existsSync(stateFile('suspends/web'))).toBe(true);
  });

  it('waits for a batch of its own whose connection was lost, and does not fence it off', async () => {
    const go = join(world.folder('m1'), 'go');
    const slow = ['sh', '-c', `trap '' TERM; while [ ! -e ${go} ]; do sleep 0.1; done`];
    await world.push({ web: { machine: 'm1', command: slow }, api: { machine: 'm1' } });
    await world.pass();
    await world.push({ web: { machine: 'm1', stop_timeout: '50s' }, api: { machine: 'm1' } });
    const ids = () => (existsSync(stateFile('steps')) ? readdirSync(stateFile('steps')) : []);
    const open = () => ids().some(id => existsSync(stateFile(`steps/${id}/open`)));
    const { shell } = world.ports;
    const { run } = shell;
    const lost = vi.spyOn(shell, 'run').mockImplementation(async (machine, command, limits) => {
      const answer = run(machine, command, limits);
      await Promise.race([answer, until(open)]);
      if (!open()) return await answer;
      lost.mockRestore();
      batch = answer;
      throw new AppError('ssh-lost', 'cut');
    });
    let batch: ReturnType<typeof run> | undefined;
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 failed ssh-lost']);
    world.told.length = 0;
    world.sleeps = ms => (ms === 2000 ? pause(20) : undefined);
    const suspending = suspend.run(context, { services: ['web'], reason: 'x' });
    await until(() => world.told.some(one => one.kind === 'waiting' && one.machine === 'm1'));
    expect([open(), existsSync(stateFile('lock')), existsSync(stateFile('suspends/web'))]).toEqual([true, true, false]);
    touch(go);
    const { stdout = '' } = (await batch) ?? {};
    expect([stdout.includes('done 0\n'), /^\S+ 76$/m.test(stdout)]).toEqual([true, false]);
    expect((await suspending).machines).toEqual([{ machine: 'm1', services: ['web'], done: true }]);
    expect([existsSync(stateFile('suspends/web')), existsSync(stateFile('lock'))]).toEqual([true, false]);
  });

  it.each([
    ['suspend', () => suspend.run(context, { services: ['api'], reason: 'x' })],
    ['resume', () => resume.run(context, { services: ['web'] })],
  ])('%s does not wait for ever for steps that run', async (_, run) => {
    await suspend.run(context, { services: ['web'], reason: 'x' });
    const fence = readFileSync(stateFile('fence'), 'utf8');
    mkdirSync(stateFile('steps/s9'), { recursive: true });
    touch(
      stateFile('steps/s9/open'),
      `${process.pid} ${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}\n`,
    );
    let now = 0;
    vi.spyOn(world.ports.clock, 'monotonic').mockImplementation(() => now);
    world.sleeps = async () => void (now += 90_000);
    expect((await run()).machines).toMatchObject([
      {
        machine: 'm1',
        error: {
          code: 'machine-lock',
          message: 'a change (s9) is running on m1',
          hint: 'Wait for it, and try again.',
        },
      },
    ]);
    expect([readFileSync(stateFile('fence'), 'utf8'), existsSync(stateFile('lock'))]).toEqual([fence, false]);
    expect([existsSync(stateFile('suspends/web')), existsSync(stateFile('suspends/api'))]).toEqual([true, false]);
  });

  it('takes the lock of a process of this controller that is gone', async () => {
    touch(stateFile('lock'), `c0ffee 999999:1 ${Math.floor(Date.now() / 1000)} 7\n`);
    world.sleeps = () => Promise.reject(new TypeError('nobody has to wait'));
    await suspend.run(context, { services: ['web'], reason: 'x' });
    expect([existsSync(stateFile('suspends/web')), existsSync(stateFile('lock'))]).toEqual([true, false]);
  });

  it('that comes between plan and change is heeded: the change is not begun', async () => {
    await edit({ A: '1' });
    let before = true;
    world.before = async (machine, kind) => {
      if (machine !== 'm1' || kind !== 'batch' || !before) return;
      before = false;
      mkdirSync(stateFile('suspends'), { recursive: true });
      touch(stateFile('suspends/web'), 'portoser-suspend 1\nservice web\nreason "x"\nby "bob"\nat 5\nend\n');
    };
    expect(outcomesOf(await world.pass())).toEqual(['api@m1 applied update', 'web@m1 failed stale-plan']);
    const next = await world.pass();
    expect([outcomesOf(next), next.plan?.leftAlone.map(one => one.state)]).toEqual([[], ['suspended']]);
  });
});

describe('what is suspended while a controller runs', () => {
  const fileOf = (name: string) => join(world.folder('m2'), name);
  const health = (file: string, soak: string) => {
    const pace = { interval: '1s', retries: 1, start_period: '0s', deadline: '1s' };
    return { health: { type: 'command', command: ['test', '-e', file], soak, ...pace } };
  };
  const services = (file: string) => ({
    api: { machine: 'm1', ...health(fileOf('fine'), '0s') },
    web: { machine: 'm1', env: { FILE: file }, ...health(fileOf(file), '0s') },
    db: { machine: 'm2', path: fileOf('db'), ...health(fileOf('up'), '5m') },
  });
  const policy = { interval: '10m' };

  it('is not looked at, neither for its soak nor after another service went back', async () => {
    mkdirSync(world.folder('m2'), { recursive: true });
    for (const name of ['up', 'fine']) touch(fileOf(name));
    await world.push(services('fine'), { policy });
    await world.pass();
    await suspend.run(context, { services: ['db'], reason: 'looking at it' });
    rmSync(fileOf('up'));
    let soaking = 0;
    world.sleeps = ms => {
      if (ms === 2000) soaking += 1;
      return undefined;
    };
    const passes: (readonly string[])[] = [];
    const changes: string[] = [];
    const over = new AbortController();
    const running = runController(
      { ...context, signal: over.signal },
      {
        onPass: report => void passes.push(outcomesOf(report)),
        onTransition: ({ key, from, to }) => void (key === 'db@m2' && changes.push(`${from} > ${to}`)),
      },
    );
    await until(() => passes.length > 0);
    const looks = soaking;
    await world.push(services('never'), { policy });
    await until(() => passes.flat().includes('web@m1 failed gate-failed'));
    over.abort();
    await running;
    expect([looks, changes]).toEqual([0, ['unknown > suspended']]);
  });
});

describe('resume', () => {
  it('says what still keeps the hands off', async () => {
    await suspend.run(context, { machine: 'm1', reason: 'x' });
    await suspend.run(context, { services: ['web'], reason: 'y' });
    const service = await resume.run(context, { services: ['web'] });
    expect(service.machines[0]?.done).toEqual({
      resumed: true,
      still: ['m1 is suspended as a whole: `portoser resume --machine m1`'],
    });
    await suspend.run(context, { services: ['web'], reason: 'y' });
    const machine = await resume.run(context, { machine: 'm1' });
    expect(machine.machines[0]?.done).toEqual({
      resumed: true,
      still: ['web@m1 is suspended by itself: `portoser resume web@m1`'],
    });
    expect((await resume.run(context, { services: ['api'] })).machines[0]?.done).toEqual({ resumed: false, still: [] });
    await world.push({ web: { machine: 'm1', suspend: 'in git' } });
    const done = (await resume.run(context, { all: true })).machines.flatMap(one => one.done?.still ?? []);
    expect(done).toContain('web@m1 is suspended in the registry: take `suspend` out there');
  });
});
