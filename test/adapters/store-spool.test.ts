// Records that wait on disk: what finds no room leaves nothing, one file's fault is that file's, and names keep their order.
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSpool, type Spool } from '../../reconciler/adapters/store-spool.js';
import type { HistoryRecord } from '../../schema/history.js';
import { eventRecord } from '../contracts/store.js';
import { createFakeLog, type FakeLog } from '../fakes/log.js';
import { scratchFolder } from './postgres-fixture.js';

const began = 1_764_300_000_000;
let now = began;

function spoolIn(folder: string, more: { name?: string; totalBytes?: number; log?: FakeLog } = {}): Spool {
  const { name = '4711:88', log = createFakeLog(), totalBytes } = more;
  const bounds = totalBytes === undefined ? {} : { totalBytes };
  return openSpool({ folder, processName: name, runs: () => false, now: () => now, log, ...bounds });
}

const many = (count: number, text = ''): readonly HistoryRecord[] =>
  Array.from({ length: count }, (_, n) => eventRecord(`e${n}`, began, { key: `${text}@m1` }));

async function taken(spool: Spool): Promise<readonly string[]> {
  const ids: string[] = [];
  await spool.drain(async records => {
    for (const one of records) ids.push(one.kind === 'event' ? one.event.id : one.kind);
  });
  return ids;
}

/** A file system of its own needs mount(8). */
it.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
  'a full disk: no try leaves a file behind, nor a part of what found no room',
  async () => {
    const small = join(await scratchFolder(), 'small');
    await mkdir(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'small', small]);
    try {
      const spool = spoolIn(small);
      await spool.append(many(1));
      const [first = ''] = await readdir(small);
      const { size } = await stat(join(small, first));
      const tooMuch = many(200, 'y'.repeat(1000));
      for (let tries = 0; tries < 5; tries += 1) {
        await expect(spool.append(tooMuch)).rejects.toMatchObject({ code: 'ENOSPC' });
        now += 15_000;
      }
      expect(await readdir(small)).toEqual([first]);
      expect((await stat(join(small, first))).size).toBe(size);
      execFileSync('mount', ['-o', 'remount,size=1m', small]);
      await spool.append([eventRecord('last', began)]);
      expect(await taken(spool)).toEqual(['e0', 'last']);
    } finally {
      execFileSync('umount', ['--lazy', small]);
    }
  },
);

it('a file that cannot be read stays where it is, is told once, and keeps no other from being handed over', async () => {
  const folder = await scratchFolder();
  const unreadable = '1764200000000-0001-1:1.jsonl';
  // As one whose sectors are broken, or that is another user's: for root, too, a folder cannot be read.
  await mkdir(join(folder, unreadable));
  const log = createFakeLog();
  const spool = spoolIn(folder, { log });
  for (const id of ['one', 'two']) {
    expect(await spool.append([eventRecord(id, began)])).toBe(0);
    expect(await spool.waiting()).toBe(1);
    expect(await taken(spool)).toEqual([id]);
  }
  expect(await readdir(folder)).toEqual([unreadable]);
  expect(log.lines).toMatchObject([
    { level: 'warn', fields: { file: join(folder, unreadable), why: 'it is a folder' } },
  ]);
});

it('what was written counts as written, also where an older file that had to go cannot be removed', async () => {
  const folder = await scratchFolder();
  const unreadable = '1764200000000-0001-1:1.jsonl';
  await mkdir(join(folder, unreadable));
  const spool = spoolIn(folder, { totalBytes: 100 });
  expect(await spool.append(many(3))).toBe(0);
  expect(await taken(spool)).toEqual(['e0', 'e1', 'e2']);
});

it('what the database says of what it is handed ends it, and all stays', async () => {
  const spool = spoolIn(await scratchFolder());
  await spool.append(many(2));
  await expect(spool.drain(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await taken(spool)).toEqual(['e0', 'e1']);
});

it('names keep the order also where the clock was set back', async () => {
  const folder = await scratchFolder();
  await spoolIn(folder, { name: '1:1' }).append([eventRecord('first', began)]);
  now -= 86_400_000;
  await spoolIn(folder, { name: '2:2' }).append([eventRecord('second', began)]);
  now += 60_000;
  await spoolIn(folder, { name: '3:3' }).append([eventRecord('third', began)]);
  expect(await taken(spoolIn(folder))).toEqual(['first', 'second', 'third']);
});

it('a folder that is removed is made again, and one that cannot be read holds nothing', async () => {
  const folder = join(await scratchFolder(), 'history');
  const spool = spoolIn(folder);
  await spool.append([eventRecord('gone', began)]);
  await rm(folder, { recursive: true });
  await spool.append([eventRecord('next', began)]);
  expect(await taken(spool)).toEqual(['next']);
  await rm(folder, { recursive: true });
  await writeFile(folder, '');
  expect([await spool.waiting(), await taken(spool)]).toEqual([0, []]);
  await expect(spool.append(many(1))).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await readFile(folder, 'utf8')).toBe('');
});
