// Turns on one machine within one process: one after the other, whatever comes of it, and stamps are not written beside a change.
import { expect, it } from 'vitest';
import { inTurn, isBusy, occupied } from '../../reconciler/loop/machine-turn.js';
import { restamp } from '../../reconciler/loop/restamp.js';
import { createFakePorts } from '../fakes/ports.js';

const ports = createFakePorts();

/** Work that ends when the test says so. */
function work() {
  let end: (error?: Error) => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    end = error => (error === undefined ? resolve() : reject(error));
  });
  return { end, make: () => done };
}

it('one waits for all that were there before it, also for those that fail', async () => {
  const said: string[] = [];
  const [first, second] = [work(), work()];
  const one = occupied(ports, 'm1', first.make).catch(() => said.push('one'));
  const two = inTurn(ports, 'm1', () => (said.push('two begins'), second.make()));
  const three = inTurn(ports, 'm1', async () => said.push('three'));
  const elsewhere = inTurn(ports, 'm2', async () => said.push('m2'));
  await elsewhere;
  first.end(new Error('no'));
  await one;
  second.end();
  await Promise.all([two, three]);
  expect(said).toEqual(['m2', 'one', 'two begins', 'three']);
  expect([isBusy(ports, 'm1'), isBusy(ports, 'm2')]).toEqual([false, false]);
});

it('no stamp is written while a change of this process runs there', async () => {
  const change = work();
  const running = occupied(ports, 'm1', change.make);
  const run = { ports, machine: { name: 'm1' } } as unknown as Parameters<typeof restamp>[0];
  const { refused } = await restamp(run, [], {} as Parameters<typeof restamp>[2]);
  expect(refused).toMatchObject({ code: 'machine-lock', message: 'this controller is changing m1' });
  change.end();
  await running;
  expect(isBusy(ports, 'm1')).toBe(false);
});

it('no stamp is written while steps run there, which may be ours by a connection that was lost', async () => {
  const run = { ports, machine: { name: 'm1' } } as unknown as Parameters<typeof restamp>[0];
  const seen = { openSteps: ['s9'] } as unknown as Parameters<typeof restamp>[2];
  const { refused } = await restamp(run, [], seen);
  expect(refused).toMatchObject({ code: 'machine-lock', message: 'a change is running on m1' });
});
