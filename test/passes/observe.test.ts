// What is seen of a service: what its answer says, and nothing of the machine besides.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { operations } from '../../reconciler/operations/index.js';
import { createWorld, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

it('tells the resources that it names', async () => {
  await world.push({ web: { machine: 'm1' } });
  await world.pass();
  const observe = await operations.observe();
  const seen = await observe.run(
    {
      ports: world.ports,
      lists: world.lists,
      settings: {} as never,
      actor: { name: 'ada', by: 'api' },
      emit: () => undefined,
      signal: new AbortController().signal,
    },
    { service: 'web' },
  );
  const [web] = seen.placements;
  expect(web?.sighting?.run).toBe('running');
  expect(Object.keys(web?.resources ?? {}).toSorted()).toEqual([
    'cpus',
    'fileSystems',
    'load1',
    'memoryFreeBytes',
    'memoryTotalBytes',
  ]);
});
