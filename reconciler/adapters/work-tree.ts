// A person's own work tree: its files as they lie there.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { RepoEntry, RepoFiles } from '../ports.js';
import { runGit } from './git-cli.js';
import { openCommitFiles, splitPath } from './git-files.js';
import { isAbsent, refusedFile } from './git-fs.js';
import { openHistory } from './git-history.js';
import { findWorkTree, type GitLayout } from './git-layout.js';
import { objectId, openObjects } from './git-objects.js';
import { byPath, openTrees } from './git-tree.js';

export interface WorkTree extends RepoFiles {
  /** The folder that holds `.git`; outside any repository the folder itself. */
  readonly root: string;
  readonly layout: GitLayout | undefined;
  /** Of these files and folders (`''`: everything), the files that are not as they are in the commit; sorted. */
  differs(commit: string, paths: readonly string[]): Promise<readonly string[]>;
  /** SHA-256 of a file's bytes: what the history of a registry outside any repository keeps. */
  hash(path: string): Promise<string | undefined>;
}

const entryLimit = 100_000;

async function walk(folder: string, prefix: string, found: string[]): Promise<void> {
  for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
    if (entry.name === '.git') continue;
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) await walk(join(folder, entry.name), `${path}/`, found);
    else found.push(path);
    if (found.length > entryLimit)
      throw new AppError('git-unsupported', `${folder} holds more than ${entryLimit} files`);
  }
}

/** What git would see: tracked, and new but not ignored. Without a git (or a repository) everything but `.git`. */
async function paths(root: string, layout: GitLayout | undefined, folder: string): Promise<readonly string[]> {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', folder === '' ? '.' : folder];
  const listed = layout === undefined ? undefined : await runGit(root, words);
  if (listed?.code === 0) return [...new Set(listed.stdout.split('\0').filter(path => path !== ''))];
  const found: string[] = [];
  await walk(join(root, folder), folder === '' ? '' : `${folder}/`, found);
  return found;
}

/** What stands at a path, when no link lies on the way to it. */
export async function lstatWithin(
  root: string,
  names: readonly string[],
): Promise<Awaited<ReturnType<typeof fs.lstat>> | undefined> {
  try {
    for (let depth = 0; depth < names.length; depth += 1) {
      const at = await fs.lstat(join(root, ...names.slice(0, depth)));
      if (!at.isDirectory()) return undefined;
    }
    return await fs.lstat(join(root, ...names));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function entryOf(root: string, path: string): Promise<RepoEntry | undefined> {
  const at = await lstatWithin(root, path.split('/'));
  if (at === undefined) return undefined;
  const full = join(root, path);
  if (at.isSymbolicLink())
    return { path, kind: 'link', executable: false, oid: objectId('blob', Buffer.from(await fs.readlink(full))) };
  if (at.isDirectory())
    return { path: path.replace(/\/$/, ''), kind: 'submodule', executable: false, oid: '0'.repeat(40) };
  // Sockets, pipes and devices are nothing that a repository could hold.
  if (!at.isFile()) return undefined;
  return {
    path,
    kind: 'file',
    executable: (Number(at.mode) & 0o100) !== 0,
    oid: objectId('blob', await readAllowed(full)),
  };
}

/** Throws `file-refused` where this user may not read. */
async function readAllowed(path: string): Promise<Buffer> {
  try {
    return await fs.readFile(path);
  } catch (error) {
    throw refusedFile(path, error);
  }
}

/** `folder` may lie anywhere within the work tree, or outside any repository. Throws `git-missing` when it is not there. */
export async function openWorkTree(folder: string): Promise<WorkTree> {
  const layout = await findWorkTree(folder);
  const root = layout?.workTree ?? resolve(folder);
  if ((await lstatWithin(root, [])) === undefined) throw new AppError('git-missing', `${root} is not there`);

  async function read(path: string): Promise<Uint8Array | undefined> {
    const names = splitPath(path);
    if (names === undefined || names.includes('.git')) return undefined;
    const at = await lstatWithin(root, names);
    return at?.isFile() === true ? await readAllowed(join(root, ...names)) : undefined;
  }

  async function list(within: string): Promise<readonly RepoEntry[] | undefined> {
    const names = splitPath(within);
    if (names === undefined || names.includes('.git')) return undefined;
    if ((await lstatWithin(root, names))?.isDirectory() !== true) return undefined;
    const found: RepoEntry[] = [];
    for (const path of await paths(root, layout, names.join('/'))) {
      const entry = await entryOf(root, path);
      if (entry !== undefined) found.push(entry);
    }
    return found.sort(byPath);
  }

  async function differs(commit: string, wanted: readonly string[]): Promise<readonly string[]> {
    if (layout === undefined) throw new AppError('git-missing', `${root} lies in no git repository`);
    const objects = openObjects(layout.commonDir);
    const committed = await openCommitFiles(
      { objects, trees: openTrees(objects), history: openHistory(objects) },
      commit,
    );
    const here = await describe({ read, list }, wanted);
    const there = await describe(committed, wanted);
    const all = new Set([...here.keys(), ...there.keys()]);
    return [...all].filter(path => here.get(path) !== there.get(path)).sort();
  }

  async function hash(path: string): Promise<string | undefined> {
    const bytes = await read(path);
    return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex');
  }

  return { revision: 'work-tree', root, layout, read, list, differs, hash };
}

/** Files by path with what makes them differ; links and submodules by their kind too. */
async function describe(
  files: Pick<RepoFiles, 'read' | 'list'>,
  wanted: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of wanted) {
    const below = await files.list(path);
    for (const entry of below ?? []) {
      // The work tree does not tell a submodule's commit, so that is left out on both sides.
      const oid = entry.kind === 'submodule' ? '' : entry.oid;
      found.set(entry.path, `${entry.kind} ${String(entry.executable)} ${oid}`);
    }
    const bytes = below === undefined ? await files.read(path) : undefined;
    if (bytes !== undefined) found.set(path, objectId('blob', bytes));
  }
  return found;
}
