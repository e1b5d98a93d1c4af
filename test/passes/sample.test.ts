// Real looks are measured on the controller's passes, and on nobody else's.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PassReport } from '../../schema/status.js';
import { preview } from '../../reconciler/loop/preview.js';
import { runController } from '../../reconciler/loop/turn.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const measured = () => world.store.records.flatMap(one => (one.kind === 'samples' ? [one.measurement] : []));

it('the controller measures what it looks at; a deploy and a plan measure nothing', async () => {
  await world.push({});
  await world.pass();
  await preview(world.ports, world.lists, { from: 'commit' });
  expect(measured()).toEqual([]);
  const over = new AbortController();
  const passes: PassReport[] = [];
  const context = { ports: world.ports, lists: world.lists, emit: () => undefined, signal: over.signal };
  const running = runController(context, { onPass: report => void passes.push(report) });
  await until(() => passes.length === 1);
  over.abort();
  await running;
  expect(measured().map(one => one.machine)).toEqual(['m1', 'm2']);
  expect(measured()[0]?.values).toMatchObject({
    load1: expect.any(Number) as number,
    uptime_seconds: expect.any(Number) as number,
  });
});
