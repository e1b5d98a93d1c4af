// Bodies of webhooks are read into a few places: how many at once, which are used again, and who waits.
import { expect, it } from 'vitest';
import { mostBytes, openGate } from '../../api/hooks/body.js';

const settled = async (one: Promise<unknown>): Promise<boolean> =>
  await Promise.race([one.then(() => true), new Promise<boolean>(resolve => setImmediate(() => resolve(false)))]);

it('large ones share a few pieces of memory, however many come', async () => {
  const gate = openGate({ bytes: 4 * mostBytes, waiting: 64 });
  const memories = new Set<unknown>();
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const place = await gate.enter(mostBytes - index);
      memories.add(place.bytes.buffer);
      expect(place.bytes).toHaveLength(mostBytes - index);
      await new Promise(setImmediate);
      place.leave();
    }),
  );
  expect(memories.size).toBe(4);
});

it('what has no room waits, and small ones do not wait for it', async () => {
  const gate = openGate({ bytes: mostBytes + 1000, waiting: 2 });
  const first = await gate.enter(mostBytes);
  const second = gate.enter(mostBytes);
  expect(await settled(second)).toBe(false);
  const small = await gate.enter(1000);
  expect(small.bytes.buffer).not.toBe(first.bytes.buffer);
  first.leave();
  first.leave();
  expect((await second).bytes.buffer).toBe(first.bytes.buffer);
  const third = gate.enter(mostBytes);
  expect(await settled(third)).toBe(false);
  const fourth = gate.enter(mostBytes);
  await expect(gate.enter(1)).rejects.toMatchObject({ code: 'webhook-busy' });
  (await second).leave();
  (await third).leave();
  await fourth;
});
