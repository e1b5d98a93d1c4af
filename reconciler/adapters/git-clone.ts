// Clones of a remote repository on our disk: made beside the old one, verified, thrown away.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { hasCode, translate } from './git-errors.js';
import type { OpenRepository } from './git-files.js';
import { gitFs, isAbsent, writeAtomic } from './git-fs.js';
import { openHistory } from './git-history.js';
import { openObjects } from './git-objects.js';
import { boundedHttp, guardedFs } from './git-pack-guard.js';
import { readRef } from './git-refs.js';
import { type GitTransport, unreachable } from './git-transport.js';
import { openTrees } from './git-tree.js';
import { addRemote, fetch as fetchPack, init } from './isomorphic-git.js';
import { makeFolder } from './make-folder.js';

export interface Clone extends OpenRepository {
  /** Name of its folder. */
  readonly name: string;
  readonly gitDir: string;
}

/** Past so many packs every read looks through too many; making it anew gives one. */
export const packLimit = 50;
/** Leftovers of a crash; younger ones may be a clone that another process is just making. */
const leftoverAgeMs = 3_600_000;

export function openClone(folder: string, name: string): Clone {
  const gitDir = join(folder, name);
  const objects = openObjects(gitDir);
  return { name, gitDir, objects, trees: openTrees(objects), history: openHistory(objects) };
}

async function packFiles(gitDir: string): Promise<readonly string[]> {
  try {
    return (await fs.readdir(join(gitDir, 'objects/pack'))).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

export async function packCount(clone: Clone): Promise<number> {
  return (await packFiles(clone.gitDir)).filter(name => name.endsWith('.pack')).length;
}

/** undefined: the branch was not fetched into this clone yet. Throws `git-broken`. */
export async function clonedHead(clone: Clone, branch: string): Promise<string | undefined> {
  return (await readRef(clone.gitDir, `refs/heads/${branch}`)).oid;
}

/** The ref stands for a complete history; it is written when that is here. */
export async function noteHead(clone: Clone, branch: string, commit: string): Promise<void> {
  const path = join(clone.gitDir, 'refs/heads', branch);
  await fs.mkdir(dirname(path), { recursive: true });
  await writeAtomic(path, `${commit}\n`);
}

const broken = (clone: Clone, why: string): AppError =>
  new AppError('git-broken', `the clone ${clone.gitDir} is broken: ${why}`);

/**
 * Whether what is on disk is what was written: every pack by its own checksum, the head by reading it. Throws
 * `git-broken`.
 */
export async function verifyClone(clone: Clone, branch: string): Promise<void> {
  const files = await packFiles(clone.gitDir);
  for (const name of files.filter(file => file.endsWith('.idx'))) {
    const pack = name.replace(/idx$/, 'pack');
    if (!files.includes(pack)) throw broken(clone, `${pack} is missing`);
    const bytes = await fs.readFile(join(clone.gitDir, 'objects/pack', pack));
    const sum = createHash('sha1').update(bytes.subarray(0, -20)).digest();
    if (bytes.length < 32 || !sum.equals(bytes.subarray(-20))) throw broken(clone, `${pack} is damaged`);
  }
  const head = await clonedHead(clone, branch);
  if (head === undefined) return;
  await readHead(clone, head);
}

async function readHead(clone: Clone, head: string): Promise<void> {
  if (!(await clone.history.has(head))) throw broken(clone, `commit ${head} is missing`);
  await clone.trees.entries((await clone.history.commit(head)).tree);
}

/** Brings what is new on the branch into the clone; answers its head there. What came incomplete is removed again. */
export async function fetchBranch(clone: Clone, transport: GitTransport, branch: string): Promise<string> {
  return await fetchInto(clone, transport, branch, undefined);
}

/** The same for another ref, of which strangers may have the say: the branch stays as it is, and what is too much is refused. */
export async function fetchOther(clone: Clone, transport: GitTransport, branch: string, ref: string): Promise<string> {
  return await fetchInto(clone, transport, branch, ref);
}

async function fetchInto(
  clone: Clone,
  transport: GitTransport,
  branch: string,
  other: string | undefined,
): Promise<string> {
  const before = new Set(await packFiles(clone.gitDir));
  const ref = `refs/heads/${branch}`;
  try {
    const { fetchHead } = await transport.operate('read', http =>
      fetchPack({
        fs: other === undefined ? gitFs : guardedFs(),
        http: other === undefined ? http : boundedHttp(http),
        gitdir: clone.gitDir,
        cache: clone.objects.cache(),
        url: transport.url,
        remote: 'origin',
        // What is known of it is told to the server as what we have.
        ref,
        remoteRef: other ?? ref,
        singleBranch: true,
        tags: false,
      }),
    );
    if (fetchHead === null) throw new AppError('git-missing', `${transport.shown} has no commits yet`);
    await readHead(clone, fetchHead);
    if (other === undefined) await noteHead(clone, branch, fetchHead);
    return fetchHead;
  } catch (error) {
    const added = (await packFiles(clone.gitDir)).filter(name => !before.has(name));
    await Promise.all(added.map(name => fs.rm(join(clone.gitDir, 'objects/pack', name), { force: true })));
    throw translate(error, transport.shown, 'read');
  }
}

/** A clone of the whole branch in a folder of its own, complete or not at all. */
export async function makeClone(folder: string, transport: GitTransport, branch: string): Promise<Clone> {
  const clone = openClone(folder, `clone-${randomBytes(6).toString('hex')}`);
  try {
    await makeFolder(clone.gitDir);
    await init({ fs: gitFs, gitdir: clone.gitDir, bare: true, defaultBranch: branch });
    await addRemote({ fs: gitFs, gitdir: clone.gitDir, remote: 'origin', url: transport.shown });
    await fetchBranch(clone, transport, branch);
    return clone;
  } catch (error) {
    await removeClone(clone);
    // Nothing of ours was there to break.
    if (hasCode(error, 'git-broken'))
      throw unreachable(transport.shown, error, { why: 'what it sent is not complete' });
    throw translate(error, transport.shown, 'read');
  }
}

export async function removeClone(clone: Pick<Clone, 'gitDir'>): Promise<void> {
  await fs.rm(clone.gitDir, { recursive: true, force: true, maxRetries: 3 });
}

export async function cloneExists(folder: string, name: string): Promise<boolean> {
  try {
    return (await fs.stat(join(folder, name, 'HEAD'))).isFile();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Removes what a crash left: clones that are not in use and not new. `now`: milliseconds since 1970. */
export async function removeLeftovers(folder: string, inUse: string | undefined, now: number): Promise<void> {
  const names = await fs.readdir(folder).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  for (const name of names.filter(one => /^clone-[0-9a-f]+$/.test(one) && one !== inUse)) {
    const { mtimeMs } = await fs.stat(join(folder, name));
    if (now - mtimeMs > leftoverAgeMs) await removeClone({ gitDir: join(folder, name) });
  }
}
