// Trees of a repository: read with suspicion, because whoever may push wrote them; written as git writes them.
import { AppError } from '../../schema/errors.js';
import type { RepoEntry } from '../ports.js';
import type { GitObjects } from './git-objects.js';
import { rememberLists } from './git-remembered.js';

export interface TreeEntry {
  readonly name: string;
  readonly kind: 'folder' | RepoEntry['kind'];
  readonly executable: boolean;
  readonly oid: string;
}

/** Reads trees of one repository and remembers them by id: the same id is the same content for ever. */
export interface GitTrees {
  entries(tree: string): Promise<readonly TreeEntry[]>;
  /** Everything below a tree, folders left out, paths from that tree, sorted. */
  listing(tree: string): Promise<readonly RepoEntry[]>;
}

const refuse = (tree: string, why: string): AppError =>
  new AppError('git-unsupported', `tree ${tree.slice(0, 12)} of the repository ${why}`, { details: { tree } });

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readName(bytes: Uint8Array, tree: string): string {
  let name;
  try {
    name = strictText.decode(bytes);
  } catch (error) {
    const shown = JSON.stringify(Buffer.from(bytes).toString('latin1'));
    throw new AppError(
      'git-unsupported',
      `tree ${tree.slice(0, 12)} of the repository holds the name ${shown}, which is not UTF-8`,
      { cause: error },
    );
  }
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.toLowerCase() === '.git') {
    throw refuse(tree, `holds the name ${JSON.stringify(name)}, which git forbids`);
  }
  return name;
}

function readMode(mode: string, name: string, tree: string): Pick<TreeEntry, 'kind' | 'executable'> {
  if (/^0?40000$/.test(mode)) return { kind: 'folder', executable: false };
  if (/^100[0-7]{3}$/.test(mode)) return { kind: 'file', executable: (Number.parseInt(mode, 8) & 0o100) !== 0 };
  if (mode === '120000') return { kind: 'link', executable: false };
  if (mode === '160000') return { kind: 'submodule', executable: false };
  throw refuse(tree, `gives ${JSON.stringify(name)} the mode ${JSON.stringify(mode)}, which git does not know`);
}

/** Throws `git-unsupported` for names that could lead out of a folder, that are not UTF-8, or that stand there twice. */
export function parseTree(bytes: Buffer, tree: string): readonly TreeEntry[] {
  const entries: TreeEntry[] = [];
  const seen = new Set<string>();
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const zero = bytes.indexOf(0, blank);
    if (blank < 0 || zero < 0 || zero + 21 > bytes.length) throw refuse(tree, 'is cut short');
    const name = readName(bytes.subarray(blank + 1, zero), tree);
    if (seen.has(name)) throw refuse(tree, `holds the name ${JSON.stringify(name)} twice`);
    seen.add(name);
    const mode = readMode(bytes.toString('latin1', at, blank), name, tree);
    entries.push({ name, ...mode, oid: bytes.toString('hex', zero + 1, zero + 21) });
    at = zero + 21;
  }
  return entries;
}

const modes = { folder: '40000', link: '120000', submodule: '160000' } as const;

/** git's own order: a folder sorts as if its name ended in `/`. */
export function renderTree(entries: readonly TreeEntry[]): Buffer {
  const keyed = entries.map(entry => ({
    entry,
    key: Buffer.from(entry.kind === 'folder' ? `${entry.name}/` : entry.name),
  }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  return Buffer.concat(
    keyed.flatMap(({ entry }) => {
      const mode = entry.kind === 'file' ? (entry.executable ? '100755' : '100644') : modes[entry.kind];
      return [Buffer.from(`${mode} ${entry.name}\0`), Buffer.from(entry.oid, 'hex')];
    }),
  );
}

/** A tree may name itself over and over through others: a few small objects can stand for more files than memory holds. */
const entryLimit = 200_000;
const depthLimit = 100;
/**
 * Entries remembered of trees, and as many of listings; 200 and 150 bytes each, measured. Every commit brings new trees for the folders that
 * it changed, the root among them. A repository with many files gets what its files and folders take, up to the limit: with less each commit
 * would read all of it.
 */
export const rememberedEntries = { usual: 10_000, most: 100_000 } as const;

export function openTrees(objects: GitObjects): GitTrees {
  let longest = 0;
  const most = (): number => Math.min(rememberedEntries.most, Math.max(rememberedEntries.usual, 3 * longest));
  const trees = rememberLists<TreeEntry>(most);
  const listings = rememberLists<RepoEntry>(most);

  async function entries(tree: string): Promise<readonly TreeEntry[]> {
    const known = trees.get(tree);
    if (known !== undefined) return known;
    const found = parseTree(await objects.read(tree, 'tree'), tree);
    trees.keep(tree, found);
    return found;
  }

  async function collect(tree: string, prefix: string, depth: number, found: RepoEntry[]): Promise<void> {
    if (depth > depthLimit) throw refuse(tree, `lies more than ${depthLimit} folders deep`);
    for (const { name, kind, executable, oid } of await entries(tree)) {
      if (kind === 'folder') await collect(oid, `${prefix}${name}/`, depth + 1, found);
      else found.push({ path: `${prefix}${name}`, kind, executable, oid });
      if (found.length > entryLimit) throw refuse(tree, `holds more than ${entryLimit} files`);
    }
  }

  async function listing(tree: string): Promise<readonly RepoEntry[]> {
    const known = listings.get(tree);
    if (known !== undefined) return known;
    const found: RepoEntry[] = [];
    await collect(tree, '', 0, found);
    longest = Math.max(longest, found.length);
    listings.keep(tree, found.sort(byPath));
    return found;
  }

  return { entries, listing };
}

/** By code unit, so that no locale has a say. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  if (a.path === b.path) return 0;
  return a.path < b.path ? -1 : 1;
}
