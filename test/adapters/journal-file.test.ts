// The journal on the disk: synced before it answers, whole after a crash, bounded, refusing on a full disk, gone when all is closed.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openJournal } from '../../reconciler/adapters/journal-file.js';
import type { Journal } from '../../reconciler/ports.js';
import { anIntent, journalContract } from '../contracts/journal.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portoser-journal-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(journal => journal.close()));
  await rm(folder, { recursive: true, force: true });
});

const opened: Journal[] = [];
function openFor(processName: string, where = folder, runs: (name: string) => boolean = () => false): Journal {
  const journal = openJournal(where, { processName, runs });
  opened.push(journal);
  return journal;
}
const process1 = (): Journal => openFor('1:a');
const later = (): Journal => openFor('2:b');
const files = () => readdirSync(folder);
const pathOf = () => join(folder, files()[0] ?? '');

journalContract('on the disk', async () => {
  const running = new Set<string>();
  return {
    open: processName => {
      running.add(processName);
      return openFor(processName, folder, name => running.has(name));
    },
    kill: process => void running.delete(process),
  };
});

describe('the file', () => {
  it('is made with the first intent, for its owner alone, and goes away when all in it is closed', async () => {
    const journal = process1();
    await journal.left();
    expect(files()).toEqual([]);
    await journal.begin(anIntent('1'), 5);
    expect(files()).toEqual([expect.stringMatching(/^journal\.1%3Aa\.[0-9a-f]{12}\.jsonl$/)]);
    expect(statSync(pathOf()).mode & 0o777).toBe(0o600);
    await journal.end('1', 6, 'ssh-lost');
    const rows = readFileSync(pathOf(), 'utf8').trim().split('\n');
    expect(rows.map(row => JSON.parse(row) as unknown)).toEqual([
      { ...anIntent('1'), at: 5 },
      { id: '1', endedAt: 6, error: 'ssh-lost' },
    ]);
    await journal.close();
    expect(files()).toEqual([]);
  });

  it('stays when its process ends with something open', async () => {
    const journal = process1();
    await journal.begin(anIntent('1'), 5);
    await journal.close();
    expect((await later().left()).map(one => one.id)).toEqual(['1']);
  });

  it('of a crash goes away when its last intent is settled, with what was being written anew', async () => {
    await process1().begin(anIntent('1'), 5);
    writeFileSync(`${pathOf()}.new`, '{"id":"1","to":"mach');
    const journal = later();
    expect(await journal.left()).toHaveLength(1);
    await journal.settle(['1']);
    expect(files()).toEqual([]);
  });

  it('may end in half a line', async () => {
    const journal = process1();
    await journal.begin(anIntent('1'), 5);
    await journal.begin(anIntent('2'), 5);
    await journal.end('1', 6);
    appendFileSync(pathOf(), '{"id":"2","ended');
    expect((await later().left()).map(one => one.id)).toEqual(['2']);
    await later().settle(['2']);
    expect(files()).toEqual([]);
  });

  it('stays short, whatever is written in all, and keeps what is open', async () => {
    const journal = process1();
    await journal.begin(anIntent('open'), 1);
    const keys = Array.from({ length: 200 }, (_, index) => `service-${index}@m1`);
    let longest = 0;
    for (let round = 0; round < 150; round += 1) {
      await journal.begin(anIntent(`i${round}`, { keys }), 2);
      await journal.end(`i${round}`, 3);
      longest = Math.max(longest, statSync(pathOf()).size);
    }
    expect(longest).toBeGreaterThan(200_000);
    expect(longest).toBeLessThan(300_000);
    expect(files()).toHaveLength(1);
    expect((await later().left()).map(one => one.id)).toEqual(['open']);
  });
});

describe('one intent that is longer than a file may grow', () => {
  it('is not written anew with every row', async () => {
    const journal = process1();
    const keys = Array.from({ length: 20_000 }, (_, index) => `service-${index}@m1`);
    await journal.begin(anIntent('long', { keys }), 1);
    const file = statSync(pathOf());
    expect(file.size).toBeGreaterThan(300_000);
    for (let index = 0; index < 20; index += 1) {
      await journal.begin(anIntent(`i${index}`), 1);
      await journal.end(`i${index}`, 2);
    }
    await journal.begin(anIntent('more'), 1);
    expect(statSync(pathOf()).ino, 'written anew it would be another file').toBe(file.ino);
    await journal.end('long', 3);
    expect((await later().left()).map(one => one.id)).toEqual(['more']);
  });
});

describe('on a full disk', () => {
  let small: string;
  const fill = (): void => {
    try {
      writeFileSync(join(small, 'ballast'), Buffer.alloc(1_000_000));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  };
  beforeEach(() => {
    small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
  });
  afterEach(() => execFileSync('umount', [small]));

  it('an intent is refused, and says why; with room again it goes on', async () => {
    const journal = openFor('1:a', small);
    fill();
    const refusal = {
      code: 'state-dir-unusable',
      message: expect.stringContaining('no space is left there') as string,
    };
    await expect(journal.begin(anIntent('1'), 1)).rejects.toMatchObject(refusal);
    await rm(join(small, 'ballast'));
    await journal.begin(anIntent('2'), 2);
    fill();
    const many = Array.from({ length: 400 }, (_, index) => `a-service-with-a-long-name-${index}@m1`);
    await expect(journal.begin(anIntent('3', { keys: many }), 3)).rejects.toMatchObject(refusal);
    await rm(join(small, 'ballast'));
    await journal.begin(anIntent('4'), 4);
    const next = openFor('2:b', small);
    expect((await next.left()).map(one => one.id)).toEqual(['2', '4']);
    await journal.close();
  });

  it('a result that found no room is noted with what comes next', async () => {
    const journal = openFor('1:a', small);
    const many = Array.from({ length: 200 }, (_, index) => `service-${index}@m1`);
    await journal.begin(anIntent('1', { keys: many }), 1);
    fill();
    // Up to the end of its last page there is room for some results.
    const ends = Array.from({ length: 200 }, () => journal.end('1', 2, 'x'.repeat(100)));
    expect((await Promise.allSettled(ends)).some(one => one.status === 'rejected')).toBe(true);
    await rm(join(small, 'ballast'));
    await journal.begin(anIntent('2'), 3);
    const next = openFor('2:b', small);
    expect((await next.left()).map(one => one.id)).toEqual(['2']);
    await journal.close();
  });
});

describe('what it costs', () => {
  it('one sync for each intent and each result, one for all at the same time, none for looking', async () => {
    const probe = await open(join(folder, 'probe'), 'w');
    const handles = Object.getPrototypeOf(probe) as Awaited<ReturnType<typeof open>>;
    await probe.close();
    await rm(join(folder, 'probe'));
    const [data, whole] = [vi.spyOn(handles, 'datasync'), vi.spyOn(handles, 'sync')];
    const counts = () => {
      const both = [data.mock.calls.length, whole.mock.calls.length];
      data.mockClear();
      whole.mockClear();
      return both;
    };
    try {
      const journal = process1();
      await journal.left();
      await journal.settle([]);
      expect(counts()).toEqual([0, 0]);
      await journal.begin(anIntent('1'), 1);
      expect(counts(), 'the file, and its folder').toEqual([1, 1]);
      await journal.end('1', 2);
      expect(counts()).toEqual([1, 0]);
      await Promise.all(['2', '3', '4', '5'].map(id => journal.begin(anIntent(id), 3)));
      expect(counts()).toEqual([1, 0]);
      await Promise.all(['2', '3', '4', '5'].map(id => journal.end(id, 4)));
      expect(counts()).toEqual([1, 0]);
      await journal.close();
      expect(counts()).toEqual([0, 0]);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
