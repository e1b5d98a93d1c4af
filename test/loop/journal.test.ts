// The journal: intent before, result after, whatever the write does; bounded.
import { expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { type Intent, journal, journalOf } from '../../reconciler/loop/journal.js';
import { createFakePorts } from '../fakes/ports.js';

const intent: Intent = { id: 'a', to: 'machine', where: 'm1', what: 'batch', keys: ['web@m1'] };

it('notes the intent before, and the end after', async () => {
  const ports = createFakePorts();
  const answer = await journal(ports, intent, async () => {
    expect(journalOf(ports)).toEqual([{ ...intent, at: ports.clock.now() }]);
    await Promise.all([ports.clock.sleep(5), ports.clock.advance(5)]);
    return 'done';
  });
  expect(answer).toBe('done');
  expect(journalOf(ports)).toEqual([{ ...intent, at: ports.clock.now() - 5, endedAt: ports.clock.now() }]);
});

it('notes what a write failed with, and throws it on', async () => {
  const ports = createFakePorts();
  await expect(journal(ports, intent, () => Promise.reject(new AppError('ssh-lost', 'cut')))).rejects.toMatchObject({
    code: 'ssh-lost',
  });
  expect(journalOf(ports)).toMatchObject([{ error: { code: 'ssh-lost', message: 'cut' } }]);
});

it('keeps writes that happen at the same time apart, and the newest thousand', async () => {
  const ports = createFakePorts();
  const ids = Array.from({ length: 1200 }, (_, index) => `a${index}`);
  await Promise.all(ids.map(id => journal(ports, { ...intent, id }, async () => undefined)));
  const kept = journalOf(ports);
  expect([kept.length, kept[0]?.id, kept.at(-1)?.id]).toEqual([1000, 'a200', 'a1199']);
  expect(kept.every(one => one.endedAt !== undefined)).toBe(true);
  expect(journalOf(createFakePorts())).toEqual([]);
});
