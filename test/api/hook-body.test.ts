// Bodies of webhooks are read into a few places: how many at once, which are used again, and who waits.
import { expect, it } from 'vitest';
import { mostBytes, openGate } from '../../api/hooks/body.js';

const settled = async (one: Promise<unknown>): Promise<boolean> =>
  await Promise.race([one.then(() => true), new Promise<boolean>(resolve => setImmediate(() => resolve(false)))]);

const short = { bytes: 1000, places: 1, waiting: 1 };
const long = { bytes: mostBytes, places: 4, waiting: 64 };

it('large ones share a few pieces of memory, however many come', async () => {
  const gate = openGate(short, long);
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

it('what has no place waits in the order of coming, or is refused when too many wait', async () => {
  const gate = openGate(short, { ...long, places: 1, waiting: 2 });
  const first = await gate.enter(mostBytes);
  const second = gate.enter(mostBytes);
  const third = gate.enter(1001);
  await expect(gate.enter(1001)).rejects.toMatchObject({ code: 'webhook-busy', details: { status: 429 } });
  expect(await settled(second)).toBe(false);
  first.leave();
  first.leave();
  expect((await second).bytes.buffer).toBe(first.bytes.buffer);
  expect(await settled(third)).toBe(false);
  (await second).leave();
  expect((await third).bytes).toHaveLength(1001);
});

it('long ones never hold up a short one', async () => {
  const gate = openGate(short, { ...long, places: 1, waiting: 1 });
  const held = await gate.enter(mostBytes);
  const waits = gate.enter(mostBytes);
  await expect(gate.enter(mostBytes)).rejects.toMatchObject({ code: 'webhook-busy' });
  const one = await gate.enter(1000);
  expect(one.bytes.buffer).not.toBe(held.bytes.buffer);
  const another = gate.enter(1);
  await expect(gate.enter(1)).rejects.toMatchObject({ code: 'webhook-busy' });
  one.leave();
  expect((await another).bytes).toHaveLength(1);
  held.leave();
  await waits;
});
