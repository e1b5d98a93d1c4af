// The doctor in a real world: what it says of machines that answer and of one that does not, and that it leaves no trace.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Doctored, machineDoctor } from '../../reconciler/operations/machine-doctor.js';
import type { Ports } from '../../reconciler/ports.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const ask = (name?: string, ports: Ports = world.ports): Promise<Doctored> =>
  machineDoctor.run(
    {
      ports,
      lists: world.lists,
      settings,
      actor: { name: 'ada', by: 'cli' },
      emit: () => undefined,
      signal: new AbortController().signal,
    },
    name === undefined ? {} : { name },
  );

/** `m1 problem clock`, without what is well and what depends on the computer that tests run on. */
const amiss = (doctored: Doctored): readonly string[] =>
  doctored.machines.flatMap(one =>
    one.remarks
      .filter(remark => remark.level !== 'ok' && !['disk', 'reach', 'manager'].includes(remark.subject))
      .map(remark => `${one.machine} ${remark.level} ${remark.subject}`),
  );
const textOf = (doctored: Doctored, machine: string, subject: string): string | undefined =>
  doctored.machines.find(one => one.machine === machine)?.remarks.find(one => one.subject === subject)?.text;
const files = (machine: string): readonly string[] =>
  readdirSync(world.folder(machine), { recursive: true }).map(String).toSorted();

it('finds machines well, and neither they nor our notes are touched', async () => {
  await world.push({ web: { machine: 'm1' } });
  expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  const before = [files('m1'), files('m2')];
  world.writes.length = 0;
  world.sent.length = 0;
  const written = world.journal.entries.length;

  const doctored = await ask();
  expect(amiss(doctored)).toEqual([]);
  expect([doctored.unseen, doctored.machines.map(one => one.machine)]).toEqual([[], ['m1', 'm2']]);
  expect(textOf(doctored, 'm1', 'owner')).toBe('belongs to this repository');
  expect(textOf(doctored, 'm1', 'state')).toMatch(/can be written$/);
  expect(textOf(doctored, 'm1', 'stamps')).toBe('1 of ours, all of them placed here');
  expect(textOf(doctored, 'm1', 'clock')).toBe('as on this computer');
  expect(textOf(doctored, 'm1', 'reach')).toMatch(/^over SSH as u@m1\.test:22, .*; one exec takes \d+ ms$/);
  expect(textOf(doctored, 'm2', 'owner')).toBe('belongs to nobody yet: the first change takes it');
  expect([files('m1'), files('m2')]).toEqual(before);
  expect([world.writes, world.journal.entries.length]).toEqual([[], written]);
  expect(world.sent.filter(one => one.startsWith('m1 '))).toEqual(['m1 probe', 'm1 other', 'm1 other']);
});

it('says of one that cannot be looked at why not, and asks it no further', async () => {
  await world.push({ web: { machine: 'm1' } });
  world.down.add('m2');
  const doctored = await ask();
  expect(doctored).toMatchObject({ unseen: ['m2'] });
  expect(doctored.machines[1]).toMatchObject({
    error: { code: 'ssh-unreachable' },
    remarks: [{ subject: 'reach', level: 'problem', code: 'ssh-unreachable', text: 'm2 cannot be reached' }],
  });
  expect(world.sent.filter(one => one.startsWith('m2 '))).toEqual(['m2 probe']);
});

it('counts one that goes away between two questions as not looked at', async () => {
  await world.push({});
  world.before = async (machine, kind) => {
    if (machine === 'm2' && kind === 'other') world.down.add('m2');
  };
  expect((await ask()).unseen).toEqual(['m2']);
});

it('looks at the one machine that was named, and no other', async () => {
  await world.push({});
  expect((await ask('m2')).machines.map(one => one.machine)).toEqual(['m2']);
  expect(world.sent.some(one => one.startsWith('m1 '))).toBe(false);
  await expect(ask('m3')).rejects.toMatchObject({ code: 'unknown-name' });
});

it('sees a clock that is off, a foreign claim, a lock and a leftover', async () => {
  await world.push({ web: { machine: 'm1' }, old: { machine: 'm1' } });
  await world.pass();
  await world.push({ web: { machine: 'm1' } });
  const state = join(world.folder('m1'), 'state/portoser/clusters/c');
  writeFileSync(join(state, 'lock'), `c2 9:90 ${Math.floor(Date.now() / 1000)} 7\n`);
  const late = { ...world.ports.clock, now: () => world.ports.clock.now() - 120_000 };
  const doctored = await ask('m1', { ...world.ports, clock: late });
  expect(amiss(doctored)).toEqual(['m1 problem clock', 'm1 warning work', 'm1 warning stamps']);
  expect(textOf(doctored, 'm1', 'stamps')).toBe('old is ours, and the registry does not place it here');
  expect(doctored.level).toBe('problem');
  writeFileSync(join(state, 'identity'), `${'a'.repeat(40)}\n`);
  expect(amiss(await ask('m1'))).toContain('m1 problem owner');
});
