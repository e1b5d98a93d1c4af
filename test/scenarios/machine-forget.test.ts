// Forgetting machines in a real world: our traces go, processes run on, others are left alone, and the list is kept true.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InputOf } from '../../reconciler/engine.js';
import { noteApprovals, readApprovals, removalOf } from '../../reconciler/loop/approvals.js';
import type { Fleet } from '../../reconciler/loop/fleet.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { machineForget } from '../../reconciler/operations/machine-forget.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { createWorld, outcomesOf, type World } from '../passes/world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const ask = (name: string, accept?: InputOf<'machine.forget'>['accept']) =>
  machineForget.run(
    {
      ports: world.ports,
      lists: world.lists,
      settings,
      actor: { name: 'ada', by: 'cli' },
      emit: () => undefined,
      signal: new AbortController().signal,
    },
    { name, ...(accept === undefined ? {} : { accept }) },
  );

const stateOf = (machine: string) => join(world.folder(machine), 'state/portoser/clusters/c');

/** It runs: in a container nobody may take away what is left of a process that ended. */
function lives(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'utf8'));
}

const fleet = () => world.notes.get('fleet') as Fleet;
const knows = () => ({
  machines: fleet().machines.map(one => one.name),
  leaving: fleet().leaving.map(one => one.name),
  emptied: (fleet().emptied ?? []).map(one => one.name),
});

const pidOf = (service: string): number =>
  Number(readFileSync(join(stateOf('m1'), 'supervise', service), 'utf8').split(' ')[0]);

/** `web` on m1 and `api` on m2; then m1 and `web` leave, and policy keeps what runs. Answers web's pid. */
async function leave(policy: object = { prune: 'keep' }): Promise<number> {
  await world.push({ web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } });
  expect(outcomesOf(await world.pass())).toEqual(['api@m2 applied create', 'web@m1 applied create']);
  const pid = pidOf('web');
  await world.push({ api: { machine: 'm2', path: join(world.folder('m2'), 'api') } }, { machines: ['m2'], policy });
  return pid;
}

describe('a machine that leaves', () => {
  it('loses our traces, and its services run on with all that they need', async () => {
    const pid = await leave();
    await world.pass();
    expect(knows()).toEqual({ machines: ['m2'], leaving: ['m1'], emptied: [] });

    const shown = await ask('m1');
    expect(shown).toMatchObject({
      machine: 'm1',
      does: 'remove',
      folder: stateOf('m1'),
      services: [{ service: 'web', run: 'running', path: join(world.folder('m1'), 'web'), pids: [pid] }],
    });
    expect(shown.done).toBeUndefined();
    expect(existsSync(stateOf('m1'))).toBe(true);

    const removed = await ask('m1', 'remove');
    expect(removed).toMatchObject({ done: 'removed' });
    expect([shown, removed].map(one => machineForget.changed?.(one))).toEqual([false, true]);
    expect(readdirSync(join(world.folder('m1'), 'state'))).toEqual([]);
    expect(lives(pid)).toBe(true);
    expect(existsSync(join(world.folder('m1'), 'web/.portoser/run'))).toBe(true);
    expect(existsSync(join(stateOf('m2'), 'stamps/api'))).toBe(true);
    expect(knows()).toEqual({ machines: ['m2'], leaving: [], emptied: [] });
    expect(world.journal.entries).toContainEqual(
      expect.objectContaining({ to: 'machine', where: 'm1', what: 'forget', keys: ['web@m1'] }),
    );

    world.sent.length = 0;
    const after = await world.pass();
    expect([after.plan?.machines, after.next, world.sent]).toEqual([[], { next: 'settled' }, ['m2 probe']]);
    await expect(ask('m1')).rejects.toMatchObject({ code: 'unknown-name' });
  });

  it('can be forgotten before the first pass that knows of it', async () => {
    const pid = await leave({});
    expect(await ask('m1', 'remove')).toMatchObject({ done: 'removed' });
    expect((await world.pass()).outcomes).toEqual([]);
    expect([lives(pid), existsSync(stateOf('m1'))]).toEqual([true, false]);
  });

  it('is known still when nothing of ours runs there any more', async () => {
    const pid = await leave({});
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied stop']);
    expect(lives(pid)).toBe(false);
    expect(knows()).toEqual({ machines: ['m2'], leaving: [], emptied: ['m1'] });
    world.sent.length = 0;
    world.writes.length = 0;
    await world.pass();
    expect([world.sent, world.writes]).toEqual([['m2 probe'], []]);
    expect(await ask('m1', 'remove')).toMatchObject({ done: 'removed', services: [{ service: 'web', run: 'absent' }] });
    expect(knows()).toEqual({ machines: ['m2'], leaving: [], emptied: [] });
  });

  it('is only dropped where it cannot be reached, and that is said', async () => {
    const pid = await leave();
    await world.pass();
    world.down.add('m1');
    expect(await ask('m1')).toMatchObject({
      does: 'drop',
      why: 'it cannot be reached: m1 cannot be reached',
      services: [],
    });
    await expect(ask('m1', 'remove')).rejects.toMatchObject({ code: 'stale-plan' });
    expect(knows().leaving).toEqual(['m1']);
    expect(await ask('m1', 'drop')).toMatchObject({ does: 'drop', done: 'nothing' });
    expect(knows()).toEqual({ machines: ['m2'], leaving: [], emptied: [] });
    expect([lives(pid), existsSync(join(stateOf('m1'), 'stamps/web'))]).toEqual([true, true]);
    expect((await world.pass()).plan?.machines).toEqual([]);
  });

  it('is not touched when it answers, though a person was shown that it does not', async () => {
    await leave();
    await expect(ask('m1', 'drop')).rejects.toMatchObject({
      code: 'stale-plan',
      message: expect.stringContaining('it answers now') as string,
    });
    expect(existsSync(join(stateOf('m1'), 'stamps/web'))).toBe(true);
  });

  it('stays forgotten when a pass went on meanwhile', async () => {
    await leave();
    await world.pass();
    world.down.add('m1');
    await world.push({}, { machines: ['m2'], policy: { prune: 'keep' } });
    let forgotten: Promise<unknown> | undefined;
    world.before = async (machine, kind) => {
      if (machine !== 'm2' || kind !== 'probe' || forgotten !== undefined) return;
      forgotten = ask('m1', 'drop');
      await forgotten;
    };
    await world.pass();
    await forgotten;
    expect(knows()).toEqual({ machines: ['m2'], leaving: [], emptied: [] });
  });

  it('says how much of what is there it cannot name', async () => {
    await leave();
    writeFileSync(join(stateOf('m1'), 'stamps/web'), 'portoser-stamp 1\nservice web\n');
    expect(await ask('m1')).toMatchObject({ does: 'remove', services: [], unreadableStamps: 1 });
  });

  it('takes back what was approved of it', async () => {
    await leave();
    await noteApprovals(world.ports.state, ['remove:web@m1', 'remove:api@m2', '0a1b'], { by: 'ada', at: 1 });
    await ask('m1', 'remove');
    expect(Object.keys(await readApprovals(world.ports.state)).toSorted()).toEqual(['0a1b', removalOf('api@m2')]);
  });
});

describe('what is refused', () => {
  it('a machine of the registry, with what to do', async () => {
    await leave();
    await expect(ask('m2', 'remove')).rejects.toMatchObject({
      code: 'machine-in-registry',
      hint: expect.stringContaining('portoser machine remove') as string,
    });
    expect(existsSync(join(stateOf('m2'), 'stamps/api'))).toBe(true);
  });

  it('a name that nobody knows, with the nearest one', async () => {
    await leave();
    await world.pass();
    await expect(ask('garage')).rejects.toMatchObject({ code: 'unknown-name', hint: 'Known are: m1' });
    await expect(ask('m11')).rejects.toMatchObject({ code: 'unknown-name', hint: 'Did you mean `m1`?' });
    await expect(ask('m1', 'remove')).resolves.toMatchObject({ done: 'removed' });
    await expect(ask('m1')).rejects.toMatchObject({ code: 'unknown-name', hint: 'It knows of none that left.' });
  });

  it('while another controller has its lock: nothing is touched, and it stays known', async () => {
    const pid = await leave();
    await world.pass();
    const lock = `c2 9:90 ${Math.floor(Date.now() / 1000)} 7\n`;
    writeFileSync(join(stateOf('m1'), 'lock'), lock);
    await expect(ask('m1', 'remove')).rejects.toMatchObject({
      code: 'machine-lock',
      message: expect.stringContaining('controller c2') as string,
    });
    expect(readFileSync(join(stateOf('m1'), 'lock'), 'utf8')).toBe(lock);
    expect([lives(pid), existsSync(join(stateOf('m1'), 'stamps/web'))]).toEqual([true, true]);
    expect(knows().leaving).toEqual(['m1']);
  });

  it('not for a lock that a dead process of this controller left', async () => {
    await leave();
    writeFileSync(join(stateOf('m1'), 'lock'), `c0ffee 1:1 ${Math.floor(Date.now() / 1000)} 7\n`);
    expect(await ask('m1', 'remove')).toMatchObject({ done: 'removed' });
  });

  it('while a change runs there', async () => {
    const pid = await leave();
    await world.pass();
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    mkdirSync(join(stateOf('m1'), 'steps/s9'), { recursive: true });
    writeFileSync(join(stateOf('m1'), 'steps/s9/open'), `${pid} ${boot}\n`);
    await expect(ask('m1')).rejects.toMatchObject({ code: 'machine-lock' });
    await expect(ask('m1', 'remove')).rejects.toMatchObject({ code: 'machine-lock' });
    expect(existsSync(join(stateOf('m1'), 'stamps/web'))).toBe(true);
  });

  it('while this very process changes it', async () => {
    await leave();
    sessionOf(world.ports).busy.set('m1', Promise.resolve());
    await expect(ask('m1', 'remove')).rejects.toMatchObject({ code: 'machine-lock' });
    expect(existsSync(join(stateOf('m1'), 'stamps/web'))).toBe(true);
  });
});

describe('what is not ours', () => {
  it('another repository’s machine is only dropped', async () => {
    const pid = await leave();
    writeFileSync(join(stateOf('m1'), 'identity'), `${'a'.repeat(40)}\n`);
    expect(await ask('m1')).toMatchObject({
      does: 'drop',
      why: expect.stringContaining('belongs to the repository that began with aaaaaaaaaaaa') as string,
    });
    expect(await ask('m1', 'drop')).toMatchObject({ done: 'nothing' });
    expect([lives(pid), existsSync(join(stateOf('m1'), 'stamps/web'))]).toEqual([true, true]);
  });

  it('a machine that was claimed since it was shown is not touched', async () => {
    await leave();
    world.before = async (machine, kind) => {
      if (machine === 'm1' && kind === 'other') writeFileSync(join(stateOf('m1'), 'identity'), `${'a'.repeat(40)}\n`);
    };
    await expect(ask('m1', 'remove')).rejects.toMatchObject({ code: 'machine-claimed' });
    expect(existsSync(join(stateOf('m1'), 'stamps/web'))).toBe(true);
  });

  it('the same machine under a new name is not touched', async () => {
    await world.push({ web: { machine: 'm1' } });
    await world.pass();
    const known = fleet();
    const old = { ...(known.machines.find(one => one.name === 'm1') ?? { name: '' }), name: 'old' };
    world.notes.set('fleet', { ...known, leaving: [old] });
    expect(await ask('old')).toMatchObject({ does: 'drop', why: 'the registry has its address under the name m1' });
    expect(await ask('old', 'drop')).toMatchObject({ done: 'nothing' });
    expect(existsSync(join(stateOf('m1'), 'stamps/web'))).toBe(true);
    expect(knows()).toEqual({ machines: ['m1', 'm2'], leaving: [], emptied: [] });
  });

  it('where nothing of ours is there is nothing to remove', async () => {
    await world.push({}, { machines: ['m1', 'm2'] });
    await world.pass();
    await world.push({}, { machines: ['m2'] });
    expect(await ask('m1', 'drop')).toMatchObject({ why: 'nothing of ours is there', done: 'nothing' });
  });
});
