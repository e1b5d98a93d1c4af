// Writes files so that a reader, or a power cut, never meets half of one.
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';

/** The code of a system error (`ENOENT`, …), or undefined for anything else. */
export function systemCode(thrown: unknown): string | undefined {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

export const isAbsent = (thrown: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '');

/** The file's bytes; undefined when it is not there, or is a folder. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(path);
  } catch (error) {
    if (isAbsent(error) || systemCode(error) === 'EISDIR') return undefined;
    throw error;
  }
}

export async function readTextIfThere(path: string): Promise<string | undefined> {
  return (await readIfThere(path))?.toString('utf8');
}

/** Writes beside the target, syncs, renames over it. */
export async function writeAtomic(path: string, contents: string | Uint8Array, mode = 0o666): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await fs.open(beside, 'wx', mode);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(beside, path);
  } catch (error) {
    await fs.rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Throws `file-refused` where this user may not write. */
export async function writeAllowed(path: string, contents: string | Uint8Array): Promise<void> {
  try {
    await writeAtomic(path, contents);
  } catch (error) {
    throw refusedFile(path, error);
  }
}

/** `file-refused` for what this user has no right to or no room for; anything else as it was thrown. */
export function refusedFile(path: string, thrown: unknown): unknown {
  const code = systemCode(thrown) ?? '';
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes(code)) return thrown;
  return new AppError('file-refused', `${path}: ${systemWords(thrown) ?? code}`, { cause: thrown });
}

/** Makes a rename last; where folders cannot be synced (some network file systems) nothing is lost but that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await fs.open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/**
 * What isomorphic-git works on. Its own writes are plain ones: an index file read half written would be remembered as
 * broken, and a crash would leave an empty ref.
 */
export const gitFs = {
  promises: { ...fs, writeFile: (path: string, contents: string | Uint8Array) => writeAtomic(path, contents) },
};
