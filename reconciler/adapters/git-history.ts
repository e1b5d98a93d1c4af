// Commits and how they descend from each other.
import { AppError } from '../../schema/errors.js';
import type { CommitFacts } from '../ports.js';
import type { GitObjects } from './git-objects.js';

interface GitCommit extends CommitFacts {
  readonly tree: string;
}

export interface GitHistory {
  /** Throws `git-missing` for what is not there or is no commit. */
  commit(id: string): Promise<GitCommit>;
  facts(id: string): Promise<CommitFacts>;
  has(id: string): Promise<boolean>;
  isAncestor(ancestor: string, commit: string): Promise<boolean>;
  /** A newest commit in the history of both; undefined: there is none. */
  mergeBase(one: string, other: string): Promise<string | undefined>;
  /**
   * The commit without parents at the end of the line of first parents: with one beginning it is the oldest commit, and
   * merging a foreign history in does not change it. `known` (a commit on that line and its root) shortens the way.
   */
  rootOf(commit: string, known?: { readonly commit: string; readonly root: string }): Promise<string>;
}

function decodeMessage(bytes: Buffer, encoding: string | undefined): string {
  try {
    return new TextDecoder(encoding ?? 'utf-8').decode(bytes);
  } catch {
    // An encoding that nobody knows is the author's mistake; the text is for people only.
    return bytes.toString('utf8');
  }
}

/** The format of gitformat-commit: header lines (a blank continues the one before), an empty line, the message. */
export function parseCommit(id: string, bytes: Buffer): GitCommit {
  const end = bytes.indexOf('\n\n');
  const head = end < 0 ? bytes : bytes.subarray(0, end);
  const fields = head
    .toString('utf8')
    .split('\n')
    .filter(line => !line.startsWith(' '));
  const values = (name: string): string[] =>
    fields.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1));
  const seconds = / (-?\d+) [+-]\d{4}$/.exec(values('committer')[0] ?? '')?.[1];
  const tree = values('tree')[0];
  if (tree === undefined) throw new AppError('git-broken', `commit ${id} names no tree`);
  return {
    id,
    tree,
    parents: values('parent'),
    author: (values('author')[0] ?? '').replace(/ -?\d+ [+-]\d{4}$/, ''),
    at: Number(seconds ?? 0) * 1000,
    message: end < 0 ? '' : decodeMessage(bytes.subarray(end + 2), values('encoding')[0]),
  };
}

/** Parents are remembered for so many commits, about 200 bytes each: a first walk to the root must not stay in memory for ever. */
const rememberedParents = 50_000;

/** A pass over a commit that it knows reads no object of git. Larger ones are read each time. */
const remembered = { commits: 100, bytes: 16_384 } as const;

export function openHistory(objects: GitObjects): GitHistory {
  const parents = new Map<string, readonly string[]>();
  const newest = new Map<string, GitCommit>();

  function keep(commit: GitCommit): void {
    newest.delete(commit.id);
    newest.set(commit.id, commit);
    const [oldest] = newest.keys();
    if (newest.size > remembered.commits && oldest !== undefined) newest.delete(oldest);
  }

  async function find(id: string): Promise<GitCommit | undefined> {
    const known = newest.get(id);
    const found = known === undefined ? await objects.find(id) : undefined;
    const commit = known ?? (found?.type === 'commit' ? parseCommit(id, found.bytes) : undefined);
    if (commit !== undefined && (found?.bytes.length ?? 0) <= remembered.bytes) keep(commit);
    return commit;
  }

  async function commit(id: string): Promise<GitCommit> {
    const found = await find(id);
    if (found === undefined)
      throw new AppError('git-missing', `there is no commit ${id} in ${objects.gitDir}`, { details: { commit: id } });
    return found;
  }

  async function parentsOf(id: string): Promise<readonly string[]> {
    const known = parents.get(id);
    if (known !== undefined) return known;
    // Within a history nothing may be missing: that is damage, not an unknown name.
    const found = parseCommit(id, await objects.read(id, 'commit')).parents;
    if (parents.size >= rememberedParents) parents.clear();
    parents.set(id, found);
    return found;
  }

  async function facts(id: string): Promise<CommitFacts> {
    const { tree: _, ...rest } = await commit(id);
    return rest;
  }

  async function isAncestor(ancestor: string, id: string): Promise<boolean> {
    if (ancestor === id) return true;
    // The full history is here, so what is not here is in nobody's history.
    if ((await find(ancestor)) === undefined) return false;
    await commit(id);
    return await descends(id, ancestor, parentsOf);
  }

  async function mergeBase(one: string, other: string): Promise<string | undefined> {
    await commit(one);
    await commit(other);
    return await nearestCommon(one, other, parentsOf);
  }

  async function rootOf(id: string, known?: { readonly commit: string; readonly root: string }): Promise<string> {
    await commit(id);
    let at = id;
    while (at !== known?.commit) {
      const [first] = await parentsOf(at);
      if (first === undefined) return at;
      at = first;
    }
    return known.root;
  }

  return { commit, facts, has: async id => (await find(id)) !== undefined, isAncestor, mergeBase, rootOf };
}

/** Nearest commits first: what is asked about is nearly always a few steps back. */
async function descends(
  id: string,
  ancestor: string,
  parentsOf: (id: string) => Promise<readonly string[]>,
): Promise<boolean> {
  const seen = new Set([id]);
  let front = [id];
  while (front.length > 0) {
    const next: string[] = [];
    for (const parent of (await Promise.all(front.map(parentsOf))).flat()) {
      if (parent === ancestor) return true;
      if (!seen.has(parent)) next.push(parent);
      seen.add(parent);
    }
    front = next;
  }
  return false;
}

/** Both histories, a step at a time on either side, until one meets what the other has seen. */
async function nearestCommon(
  one: string,
  other: string,
  parentsOf: (id: string) => Promise<readonly string[]>,
): Promise<string | undefined> {
  const sides = [one, other].map(id => ({ seen: new Set([id]), front: [id] }));
  const [left, right] = sides;
  if (left === undefined || right === undefined || one === other) return one;
  while (left.front.length + right.front.length > 0) {
    for (const [mine, theirs] of [
      [left, right],
      [right, left],
    ] as const) {
      const next: string[] = [];
      for (const parent of (await Promise.all(mine.front.map(parentsOf))).flat())
        if (!mine.seen.has(parent)) {
          mine.seen.add(parent);
          next.push(parent);
        }
      mine.front = next;
      const met = next.find(id => theirs.seen.has(id));
      if (met !== undefined) return met;
    }
  }
  return undefined;
}
