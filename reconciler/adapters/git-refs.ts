// Refs of a repository on this machine: read loose and packed, changed under git's own lock.
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { isAbsent, readTextIfThere, systemCode } from './git-fs.js';
import type { GitLayout } from './git-layout.js';
import { giveToOwner, isOid } from './git-objects.js';

export interface ResolvedRef {
  /** The ref that holds the id, at the end of a chain of symbolic refs. */
  readonly name: string;
  /** undefined: there is no such ref (yet). */
  readonly oid: string | undefined;
}

async function packedRef(commonDir: string, name: string): Promise<string | undefined> {
  const text = (await readTextIfThere(join(commonDir, 'packed-refs'))) ?? '';
  const line = text.split('\n').find(one => one.endsWith(` ${name}`) && one.length === 41 + name.length);
  return line?.slice(0, 40);
}

const unreadable = (commonDir: string, name: string): AppError =>
  new AppError('git-broken', `the ref ${name} of ${commonDir} holds no commit id`, {
    hint: 'Run `git fsck` there; the last good id stands in its logs folder.',
    details: { ref: name },
  });

/** Follows symbolic refs. Throws `git-broken` for a ref that holds something else, such as nothing. */
export async function readRef(commonDir: string, name: string, depth = 0): Promise<ResolvedRef> {
  const loose = await readTextIfThere(join(commonDir, name));
  const value = loose?.trim() ?? (await packedRef(commonDir, name));
  if (value === undefined) return { name, oid: undefined };
  if (value.startsWith('ref: ') && depth < 5) return await readRef(commonDir, value.slice(5).trim(), depth + 1);
  if (!isOid(value)) throw unreadable(commonDir, name);
  return { name, oid: value };
}

/** The branch that HEAD names; undefined when it names a commit. */
export async function headBranch(gitDir: string): Promise<string | undefined> {
  const head = (await readTextIfThere(join(gitDir, 'HEAD')))?.trim();
  return head?.startsWith('ref: refs/heads/') === true ? head.slice('ref: refs/heads/'.length) : undefined;
}

/** git-check-ref-format(1), as far as a name could do harm or be misread. */
export function isBranchName(name: string): boolean {
  const parts = name.split('/');
  return (
    !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{/.test(name) &&
    !name.startsWith('-') &&
    !name.endsWith('.') &&
    name !== '@' &&
    parts.every(part => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
  );
}

/** The head of a branch. Throws `git-missing` when there is none. */
export async function branchHead(layout: GitLayout, branch: string, shown: string): Promise<string> {
  const { oid } = await readRef(layout.commonDir, `refs/heads/${branch}`);
  if (oid === undefined)
    throw new AppError('git-missing', `there is no branch ${branch} in ${shown}`, { details: { branch } });
  return oid;
}

async function openLock(path: string): Promise<fs.FileHandle> {
  await fs.mkdir(dirname(path), { recursive: true });
  try {
    return await fs.open(path, 'wx', 0o666);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new AppError('git-race', `${path} is there: somebody else is changing this branch`, {
      cause: error,
      hint: 'Try again. If no git runs there, a crash left the lock: remove it.',
    });
  }
}

/**
 * `expected` undefined: it is not there yet. Compare and swap, as git does it: `<ref>.lock` made exclusively, the old value looked at under it, renamed over the ref.
 * Throws `git-race` when the branch is locked or no longer at `expected`.
 */
export async function moveBranch(
  commonDir: string,
  branch: string,
  expected: string | undefined,
  next: string,
): Promise<void> {
  const { name } = await readRef(commonDir, `refs/heads/${branch}`);
  const path = join(commonDir, name);
  const lock = await openLock(`${path}.lock`);
  let renamed = false;
  try {
    if ((await readRef(commonDir, name)).oid !== expected) {
      throw new AppError('git-race', `the branch ${branch} of ${commonDir} moved meanwhile`);
    }
    await lock.writeFile(`${next}\n`);
    await lock.sync();
    await giveToOwner(`${path}.lock`, join(commonDir, 'refs'));
    await fs.rename(`${path}.lock`, path);
    renamed = true;
  } finally {
    await lock.close();
    if (!renamed) await fs.rm(`${path}.lock`, { force: true });
  }
}

/** Every branch that the repository has, loose and packed. For messages that name what there is. */
export async function branchNames(commonDir: string): Promise<readonly string[]> {
  const heads = join(commonDir, 'refs/heads');
  const loose = await fs.readdir(heads, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  const names = loose
    .filter(one => one.isFile() && !one.name.endsWith('.lock'))
    .map(one => join(one.parentPath, one.name).slice(heads.length + 1));
  const packed = ((await readTextIfThere(join(commonDir, 'packed-refs'))) ?? '').matchAll(
    /^[0-9a-f]{40} refs\/heads\/(.+)$/gm,
  );
  return [...new Set([...names, ...[...packed].map(found => found[1] ?? '')])].sort();
}
