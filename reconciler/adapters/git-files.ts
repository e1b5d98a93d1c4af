// The files of one commit, read from git objects: no work tree, so nothing can lead out and nothing is half read.
import type { RepoEntry, RepoFiles } from '../ports.js';
import type { GitHistory } from './git-history.js';
import type { GitObjects } from './git-objects.js';
import type { GitTrees, TreeEntry } from './git-tree.js';

/** A path's names; undefined for one that leads out of the repository or is no path of it. */
export function splitPath(path: string): readonly string[] | undefined {
  if (path.startsWith('/') || path.includes('\0')) return undefined;
  const names = path.split('/').filter(name => name !== '' && name !== '.');
  return names.includes('..') ? undefined : names;
}

export interface OpenRepository {
  readonly objects: GitObjects;
  readonly trees: GitTrees;
  readonly history: GitHistory;
}

/** Throws `git-missing` when there is no such commit. */
export async function openCommitFiles(repo: OpenRepository, commit: string): Promise<RepoFiles> {
  const root: TreeEntry = {
    name: '',
    kind: 'folder',
    executable: false,
    oid: (await repo.history.commit(commit)).tree,
  };

  async function entryAt(path: string): Promise<TreeEntry | undefined> {
    const names = splitPath(path);
    if (names === undefined) return undefined;
    let at: TreeEntry | undefined = root;
    for (const name of names) {
      if (at?.kind !== 'folder') return undefined;
      at = (await repo.trees.entries(at.oid)).find(entry => entry.name === name);
    }
    return at;
  }

  async function read(path: string): Promise<Uint8Array | undefined> {
    const entry = await entryAt(path);
    return entry?.kind === 'file' ? await repo.objects.read(entry.oid, 'blob') : undefined;
  }

  async function list(folder: string): Promise<readonly RepoEntry[] | undefined> {
    const entry = await entryAt(folder);
    if (entry?.kind !== 'folder') return undefined;
    const below = await repo.trees.listing(entry.oid);
    const prefix = splitPath(folder)?.join('/') ?? '';
    return prefix === '' ? below : below.map(one => ({ ...one, path: `${prefix}/${one.path}` }));
  }

  return { revision: commit, read, list };
}
