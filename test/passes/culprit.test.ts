// Who did it is asked only where something was changed, once, and nothing depends on the answer.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { preview } from '../../reconciler/loop/preview.js';
import { createWorld, outcomesOf, type Pushed, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const page = (): string => join(world.folder('m1'), 'web/page');

async function deploy(more: Pushed = {}): Promise<void> {
  await world.push(
    { web: { machine: 'm1', path: join(world.folder('m1'), 'web'), source: 'web' }, api: { machine: 'm2' } },
    {
      files: { 'web/page': 'as git says' },
      ...more,
    },
  );
  await world.pass();
  world.sent.length = 0;
}

/** Later than what we did ourselves, by a clock of whole seconds; times of files lag behind it by a tick of the kernel. */
async function editByHand(): Promise<void> {
  const finished = Number(/^finished-at (\d+)$/m.exec(world.readStamp('m1', 'web') ?? '')?.[1]);
  while (Date.now() < (finished + 1) * 1000 + 50) await pause(50);
  writeFileSync(page(), 'by hand');
}

const questions = (): readonly string[] => world.sent.filter(one => one.endsWith('culprit'));

test('where all is as git says, nothing is asked', async () => {
  await deploy();
  await world.pass();
  expect(world.sent.toSorted()).toEqual(['m1 probe', 'm2 probe']);
});

test('the machine with drift is asked once, it is told with the repair, and kept with the run', async () => {
  await deploy();
  await editByHand();
  const { plan } = await preview(world.ports, world.lists, { from: 'commit' });
  const report = await world.pass();
  expect(questions()).toEqual(['m1 culprit']);
  expect(outcomesOf(report)).toEqual(['web@m1 applied repair']);
  const [change] = report.plan?.waves.flat() ?? [];
  expect(change?.culprits).toMatchObject([
    { field: `file:${page()}`, what: 'edited', at: expect.any(Number) as number },
  ]);
  expect(change).toEqual(plan?.waves.flat()[0]);
  expect(world.told.find(one => one.event === 'deploy.begun' && one.text.startsWith('repairing'))?.text).toMatch(
    /^repairing; \S+\/web\/page edited at 20\S+ \S+ UTC, by whom is unknown/,
  );
  const kept = world.store.records.filter(one => one.kind === 'run').at(-1);
  expect(JSON.stringify(kept)).toContain('/web/page edited at 20');
});

test('what was put right and changed once more is asked for once more', async () => {
  await deploy();
  await editByHand();
  await world.pass();
  await editByHand();
  await world.pass();
  expect(questions()).toHaveLength(2);
});

test('a machine that cannot say it is repaired all the same', async () => {
  await deploy();
  await editByHand();
  world.before = async (_, kind) => {
    if (kind === 'culprit') throw new AppError('ssh-lost', 'the connection to m1 was lost');
  };
  const report = await world.pass();
  expect(report.plan?.waves.flat()[0]?.culprits).toEqual([
    { text: 'when and by whom is unknown: the connection to m1 was lost' },
  ]);
  expect(outcomesOf(report)).toEqual(['web@m1 applied repair']);
  expect(readFileSync(page(), 'utf8')).toBe('as git says');
});

test('drift that policy leaves as it is: told too, and asked for once as long as it stands', async () => {
  await deploy({ policy: { drift: 'report' } });
  await editByHand();
  for (let pass = 0; pass < 3; pass += 1) {
    const { plan } = await world.pass();
    expect(plan?.leftAlone).toMatchObject([{ state: 'drifted', culprits: [{ what: 'edited' }] }]);
  }
  expect(questions()).toEqual(['m1 culprit']);
});

test('what git changed, and what was never finished, is nobody else to blame for', async () => {
  await deploy();
  await deploy({ files: { 'web/page': 'as git says now' } });
  await world.push(
    { web: { machine: 'm1', path: join(world.folder('m1'), 'web'), source: 'web' } },
    { files: { 'web/page': 'x' } },
  );
  await world.pass();
  expect(questions()).toEqual([]);
});
