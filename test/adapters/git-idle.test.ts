// What is read of packs stays in memory only while somebody reads, and a commit that is known is read once.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openHistory } from '../../reconciler/adapters/git-history.js';
import { type GitObjects, openObjects } from '../../reconciler/adapters/git-objects.js';
import { commitFiles, git, makeRepo } from '../contracts/git-fixture.js';
import { until } from '../scenarios/until.js';

let top: string;
let gitDir: string;
let commits: readonly string[];
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'portoser-git-memory-'));
  const { clone } = await makeRepo(top);
  const made: string[] = [];
  for (const text of ['one', 'two', 'three']) made.push(await commitFiles(clone, { file: text }));
  await git(clone, 'gc', '-q');
  gitDir = join(clone, '.git');
  commits = made;
});
afterEach(() => rm(top, { recursive: true, force: true }));

const newest = (): string => commits.at(-1) ?? '';

it('packs are let go when nobody reads any more, and read again', async () => {
  expect((await readdir(join(gitDir, 'objects/pack'))).filter(name => name.endsWith('.pack'))).toHaveLength(1);
  const objects = openObjects(gitDir, undefined, 1);
  const held = objects.cache();
  expect(await objects.find(newest())).toMatchObject({ type: 'commit' });
  expect(Reflect.ownKeys(held)).toHaveLength(1);
  await until('it is let go', () => objects.cache() !== held);
  expect(await objects.find(newest())).toMatchObject({ type: 'commit' });
});

it('packs stay while somebody reads', async () => {
  const objects = openObjects(gitDir);
  const held = objects.cache();
  for (const commit of commits) await objects.find(commit);
  expect(objects.cache()).toBe(held);
});

it('a commit that is known is read once; of many only the newest are known', async () => {
  const read: string[] = [];
  const commit = (id: string): string =>
    `tree ${'0'.repeat(40)}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n${id}\n`;
  const objects: Pick<GitObjects, 'find'> = {
    find: async id => {
      read.push(id);
      const message = id === 'long' ? 'x'.repeat(20_000) : id;
      return id === 'none' ? undefined : { type: 'commit', bytes: Buffer.from(commit(message)) };
    },
  };
  const history = openHistory(objects as GitObjects);
  const readsOf = async (...ids: readonly string[]): Promise<number> => {
    read.length = 0;
    for (const id of ids) expect(await history.has(id)).toBe(id !== 'none');
    return read.length;
  };
  expect(await readsOf('a', 'a', 'a')).toBe(1);
  expect((await history.facts('a')).message).toBe('a\n');
  expect(await readsOf('none', 'none', 'long', 'long')).toBe(4);
  expect(await readsOf(...Array.from({ length: 99 }, (_, index) => `${index}`), 'a')).toBe(99);
  expect(await readsOf('more', 'a', '0')).toBe(2);
});
