// Objects of one repository on disk: read through isomorphic-git, written loose as git writes them.
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { AppError, type ErrorCode } from '../../schema/errors.js';
import { gitFs, isAbsent, systemCode } from './git-fs.js';
import { Errors, readObject } from './isomorphic-git.js';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

interface FoundObject {
  readonly type: ObjectType;
  readonly bytes: Buffer;
}

export interface GitObjects {
  readonly gitDir: string;
  /** Shared by every call on this repository (isomorphic-git keeps its packs there). */
  readonly cache: () => object;
  /** undefined: no such object. Throws `git-broken` when the repository is damaged. */
  find(oid: string): Promise<FoundObject | undefined>;
  /** Throws `git-broken` when it is missing or of another type. */
  read(oid: string, type: ObjectType): Promise<Buffer>;
  /** Answers the id. Nothing is written when the object is there. */
  write(type: ObjectType, bytes: Uint8Array): Promise<string>;
}

const deflateAsync = promisify(deflate);
/** A cache never forgets by itself: packs that a `git gc` removed would stay in memory. */
const readsPerCache = 20_000;
/** Nor does it when nobody reads: every pack that was read from stands in it whole, with its index. */
const usuallyIdleMs = 10_000;

export function isOid(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** The id that git gives these bytes. */
export function objectId(type: ObjectType, bytes: Uint8Array): string {
  return createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
}

/** `hint` says what to do about a broken repository, for whoever owns it. `idleMs`: what was read of packs is let go after so long. */
export function openObjects(gitDir: string, hint?: string, idleMs = usuallyIdleMs): GitObjects {
  const reader = cachedReader(gitDir, idleMs);
  const broken = (message: string, cause?: unknown, code: ErrorCode = 'git-broken'): AppError =>
    new AppError(code, `${message} in ${gitDir}`, { cause, ...(hint === undefined ? {} : { hint }) });

  async function find(oid: string): Promise<FoundObject | undefined> {
    if (!isOid(oid)) return undefined;
    // A pack may have been exchanged by a `git gc` between listing and reading, so the second look decides.
    try {
      return await reader.read(oid).catch(error => {
        if (!(error instanceof Errors.NotFoundError)) reader.forget();
        return reader.read(oid);
      });
    } catch (error) {
      if (error instanceof Errors.NotFoundError) return undefined;
      if (!['EACCES', 'EPERM'].includes(systemCode(error) ?? '')) throw broken(`object ${oid} cannot be read`, error);
      throw broken(`object ${oid} may not be read`, error, 'git-unreachable');
    }
  }

  async function read(oid: string, type: ObjectType): Promise<Buffer> {
    const found = await find(oid);
    if (found === undefined) throw broken(`${type} ${oid} is missing`);
    if (found.type !== type) throw broken(`object ${oid} is a ${found.type}, not a ${type},`);
    return found.bytes;
  }

  async function write(type: ObjectType, bytes: Uint8Array): Promise<string> {
    const oid = objectId(type, bytes);
    if ((await find(oid)) === undefined) {
      const header = Buffer.from(`${type} ${bytes.length}\0`);
      await writeLoose(gitDir, oid, await deflateAsync(Buffer.concat([header, bytes])));
    }
    return oid;
  }

  return { gitDir, cache: reader.cache, find, read, write };
}

interface CachedReader {
  readonly read: (oid: string) => Promise<FoundObject>;
  readonly cache: () => object;
  readonly forget: () => void;
}

function cachedReader(gitDir: string, idleMs: number): CachedReader {
  let cache: object = {};
  let reads = 0;
  let idle: NodeJS.Timeout | undefined;
  const forget = (): void => void (cache = {});
  const use = (): object => {
    idle ??= setTimeout(forget, idleMs).unref();
    idle.refresh();
    return cache;
  };

  async function read(oid: string): Promise<FoundObject> {
    reads += 1;
    if (reads % readsPerCache === 0) cache = {};
    const found = await readObject({ fs: gitFs, gitdir: gitDir, oid, format: 'content', cache: use() });
    // The return type is a union over all formats; `content` gives bytes and the type's name.
    return { type: found.type as ObjectType, bytes: Buffer.from(found.object as Uint8Array) };
  }

  return { read, cache: use, forget };
}

/**
 * As git does: a temporary file beside, synced, then its name; read-only. Run as root in somebody else's repository,
 * what is written is given to its owner, who could not push there any more otherwise.
 */
async function writeLoose(gitDir: string, oid: string, deflated: Buffer): Promise<void> {
  const objects = join(gitDir, 'objects');
  const path = join(objects, oid.slice(0, 2), oid.slice(2));
  await makeFolderLike(objects, dirname(path));
  const beside = join(dirname(path), `tmp_obj_${randomBytes(6).toString('hex')}`);
  try {
    const file = await fs.open(beside, 'wx', 0o444);
    try {
      await file.writeFile(deflated);
      await file.sync();
    } finally {
      await file.close();
    }
    await giveToOwner(beside, objects);
    await fs.rename(beside, path);
  } catch (error) {
    await fs.rm(beside, { force: true });
    throw error;
  }
}

async function makeFolderLike(model: string, path: string): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    throw error;
  }
  await fs.chmod(path, (await fs.stat(model)).mode & 0o7777);
  await giveToOwner(path, model);
}

/** Gives a path to the owner of another; only root can, and only for root is it needed. */
export async function giveToOwner(path: string, model: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  try {
    const { uid, gid } = await fs.stat(model);
    await fs.chown(path, uid, gid);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
