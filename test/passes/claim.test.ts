// Claiming a machine from another repository: under its lock, and never beside a change of the one that has it.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { desire } from '../../reconciler/loop/desired.js';
import { claimMachine } from '../../reconciler/loop/claim.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { sync } from '../../reconciler/loop/sync.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

const other = 'a'.repeat(40);
let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
});
afterEach(() => world.close());

const stateFile = (name: string) => join(world.folder('m1'), 'state/portoser/clusters/c', name);
const identity = () => readFileSync(stateFile('identity'), 'utf8').trim();
const now = () => Math.floor(Date.now() / 1000);

async function claim(name = 'm1') {
  const { ports, lists } = world;
  const desired = await desire(ports, lists, await sync(ports, { from: 'commit' }));
  const machine = desired.machines.find(one => one.name === name);
  if (machine === undefined) throw new TypeError(`there is no ${name}`);
  return await claimMachine(ports, machine, desired);
}

it('writes whose it is, and gives the lock back', async () => {
  const ours = identity();
  expect(await claim()).toEqual({ machine: 'm1', state: 'ours' });
  touch(stateFile('identity'), `${other}\n`);
  expect(await claim()).toEqual({ machine: 'm1', state: 'claimed', before: other });
  expect([identity(), existsSync(stateFile('lock'))]).toEqual([ours, false]);
  expect(world.journal.entries.at(-1)).toMatchObject({ what: 'claim', where: 'm1' });
  expect(await claim('m2')).toEqual({ machine: 'm2', state: 'free' });
});

it('raises the fence: what another repository had begun there writes nothing more', async () => {
  const before = readFileSync(stateFile('fence'), 'utf8');
  await claim();
  const fence = readFileSync(stateFile('fence'), 'utf8');
  expect(Number.parseInt(fence, 10)).toBe(Number.parseInt(before, 10) + 1);
});

it('not while another has the lock', async () => {
  touch(stateFile('identity'), `${other}\n`);
  const lock = `other 1:1 ${now()} 7\n`;
  touch(stateFile('lock'), lock);
  await expect(claim()).rejects.toMatchObject({ code: 'machine-lock' });
  expect([identity(), readFileSync(stateFile('lock'), 'utf8')]).toEqual([other, lock]);
});

it('not while steps run there, whose holder is not fenced off by it', async () => {
  touch(stateFile('identity'), `${other}\n`);
  const fence = readFileSync(stateFile('fence'), 'utf8');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  mkdirSync(stateFile('steps/s9'), { recursive: true });
  touch(stateFile('steps/s9/open'), `${process.pid} ${boot}\n`);
  await expect(claim()).rejects.toMatchObject({ code: 'machine-lock', message: 'a change (s9) is running on m1' });
  expect([identity(), readFileSync(stateFile('fence'), 'utf8')]).toEqual([other, fence]);
  expect(existsSync(stateFile('lock'))).toBe(false);
});

it('not while this very process changes it', async () => {
  sessionOf(world.ports).busy.set('m1', Promise.resolve());
  await expect(claim()).rejects.toMatchObject({ code: 'machine-lock' });
  sessionOf(world.ports).busy.delete('m1');
});

it('a lock of a process of this controller that is gone is taken over', async () => {
  touch(stateFile('identity'), `${other}\n`);
  touch(stateFile('lock'), `c0ffee 999999:1 ${now()} 7\n`);
  expect(await claim()).toMatchObject({ state: 'claimed', before: other });
  expect(outcomesOf(await world.pass())).toEqual([]);
});
