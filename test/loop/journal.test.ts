// The one function that writes go through: noted before and after, whatever the write does; what cannot be noted is not made.
import { expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { Intent } from '../../schema/journal.js';
import { journal } from '../../reconciler/loop/journal.js';
import { createFakePorts } from '../fakes/ports.js';

const intent: Intent = { id: 'a', to: 'machine', where: 'm1', what: 'batch', keys: ['web@m1'] };
const full = () => new AppError('state-dir-unusable', 'ENOSPC');

it('notes the intent before, and the end after', async () => {
  const ports = createFakePorts();
  const at = ports.clock.now();
  const begun = { ...intent, at, process: '7:70' };
  const answer = await journal(ports, intent, async () => {
    expect(ports.journal.entries).toEqual([begun]);
    await Promise.all([ports.clock.sleep(5), ports.clock.advance(5)]);
    return 'done';
  });
  expect(answer).toBe('done');
  expect(ports.journal.entries).toEqual([{ ...begun, endedAt: at + 5 }]);
});

it('notes the code of what a write failed with, and throws it on', async () => {
  const ports = createFakePorts();
  await expect(journal(ports, intent, () => Promise.reject(new AppError('ssh-lost', 'cut')))).rejects.toMatchObject({
    code: 'ssh-lost',
  });
  expect(ports.journal.entries).toMatchObject([{ id: 'a', error: 'ssh-lost' }]);
});

it('does not make a write that cannot be noted before', async () => {
  const ports = createFakePorts();
  ports.journal.full = full();
  let made = false;
  const write = async (): Promise<void> => void (made = true);
  await expect(journal(ports, intent, write)).rejects.toMatchObject({ code: 'state-dir-unusable' });
  expect(made).toBe(false);
});

it('makes no failure of a success whose result cannot be noted; it stays open and is told', async () => {
  const ports = createFakePorts();
  const write = async (): Promise<string> => {
    ports.journal.full = full();
    return 'done';
  };
  expect(await journal(ports, intent, write)).toBe('done');
  expect(ports.journal.entries[0]).not.toHaveProperty('endedAt');
  expect(ports.log.lines).toMatchObject([{}, { level: 'warn', fields: { id: 'a', code: 'state-dir-unusable' } }]);
});

it('passes four points where a test may kill the process, two of them with the intent open', async () => {
  const base = createFakePorts();
  const points: string[] = [];
  const open = () => base.journal.entries.filter(one => one.endedAt === undefined).length;
  const ports = { ...base, crashPoint: (name: string) => void points.push(`${open()} open ${name}`) };
  await journal(ports, intent, async () => undefined);
  expect(points).toEqual([
    '0 open before the intent',
    '1 open after the intent',
    '1 open after the write',
    '0 open after the result',
  ]);
});
