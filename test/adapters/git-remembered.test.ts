// What is remembered of trees and listings has a bound, counted by entries: every commit brings new ones.
import { describe, expect, it } from 'vitest';
import type { GitObjects } from '../../reconciler/adapters/git-objects.js';
import { rememberLists } from '../../reconciler/adapters/git-remembered.js';
import { openTrees, rememberedEntries, renderTree, type TreeEntry } from '../../reconciler/adapters/git-tree.js';

const list = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

describe('lists', () => {
  it('are remembered up to so many entries; what was used longest ago goes first', () => {
    const lists = rememberLists<number>(() => 100);
    for (const id of ['a', 'b', 'c']) lists.keep(id, list(29));
    expect(lists.size()).toBe(90);
    expect(lists.get('a')).toHaveLength(29);
    lists.keep('d', list(29));
    expect(['a', 'b', 'c', 'd'].filter(id => lists.get(id) !== undefined)).toEqual(['a', 'c', 'd']);
    for (const id of list(1000)) lists.keep(`${id}`, list(id % 50));
    expect(lists.size()).toBeLessThanOrEqual(100);
  });

  it('that have no entries count too', () => {
    const lists = rememberLists<number>(() => 100);
    for (const id of list(1000)) lists.keep(`${id}`, []);
    expect(lists.size()).toBe(100);
  });

  it('may be longer than all that is allowed, and are then the only one', () => {
    const lists = rememberLists<number>(() => 100);
    lists.keep('a', list(5));
    lists.keep('b', list(500));
    expect([lists.get('a'), lists.get('b')?.length]).toEqual([undefined, 500]);
    lists.keep('c', list(5));
    expect([lists.get('b'), lists.size()]).toEqual([undefined, 6]);
  });

  it('that are kept again count once', () => {
    const lists = rememberLists<number>(() => 100);
    for (let time = 0; time < 10; time += 1) lists.keep('a', list(9));
    expect(lists.size()).toBe(10);
  });
});

const oid = (number: number): string => number.toString(16).padStart(40, '0');

/** A repository whose root, `oid(commit)`, differs at each commit in one of so many files; counts what is read. */
function countedTrees(files: number) {
  const read: string[] = [];
  const entriesAt = (commit: number): readonly TreeEntry[] =>
    list(files).map(file => ({
      name: `file-${file}`,
      kind: 'file',
      executable: false,
      oid: oid(file === 0 ? commit : file),
    }));
  const objects: Pick<GitObjects, 'read'> = {
    read: async tree => {
      read.push(tree);
      return renderTree(entriesAt(Number.parseInt(tree, 16)));
    },
  };
  return { read, trees: openTrees(objects as GitObjects) };
}

describe('trees', () => {
  it('of old commits are forgotten, and the newest ones are read once', async () => {
    const files = 1000;
    const fit = Math.floor(rememberedEntries.usual / (files + 1));
    const { read, trees } = countedTrees(files);
    for (let commit = 0; commit < 2 * fit; commit += 1) await trees.listing(oid(commit));
    expect(read).toHaveLength(2 * fit);
    await trees.listing(oid(2 * fit - 1));
    await trees.entries(oid(2 * fit - 1));
    expect(read).toHaveLength(2 * fit);
    await trees.entries(oid(0));
    expect(read).toHaveLength(2 * fit + 1);
  });

  it('of more files than that are read once for a commit, too', async () => {
    const { read, trees } = countedTrees(rememberedEntries.usual + 1);
    await trees.listing(oid(1));
    await trees.listing(oid(2));
    for (const commit of [1, 2, 1, 2]) {
      await trees.listing(oid(commit));
      await trees.entries(oid(commit));
    }
    expect(read).toHaveLength(2);
  });
});
