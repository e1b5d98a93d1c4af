// What a pass says that it waits for, to who watches it.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWorld, type World } from './world.js';

let world: World;
beforeEach(async () => void (world = await createWorld()));
afterEach(() => world.close());

const waits = (): readonly string[] =>
  world.told.filter(one => one.kind === 'waiting' && one.key === 'web@m1').map(one => one.text);

it('is the health of what runs, from its start on: not while its steps are made, nor while it is stopped', async () => {
  let before: readonly string[] | undefined;
  world.before = async (_, kind) => {
    if (kind === 'batch') before = waits();
  };
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
  expect(before).toEqual([]);
  expect(waits()).toEqual([expect.stringMatching(/^that it is healthy, until about \d\d:\d\d:\d\d$/), '']);

  world.told.length = 0;
  await world.push({ other: { machine: 'm2' } });
  await world.pass();
  expect(before).toEqual([]);
  expect(waits()).toEqual([]);
});
