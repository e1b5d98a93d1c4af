// A folder of named JSON documents on the controller's disk: whole or not at all, also when the power goes.
import { createHash, randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';
import type { StateDir } from '../ports.js';
import { holdsJournal } from './journal-name.js';
import { makeFolder } from './make-folder.js';
import { processName, processRuns } from './process-name.js';
import { openNoteTurns } from './note-turns.js';
import { takeLock } from './state-lock.js';

export function unusable(path: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const { path: at } = cause as NodeJS.ErrnoException;
  const why = systemWords(cause) ?? (cause as Error).message;
  const message = at === undefined || at === path ? `${path}: ${why}` : `${path}: ${at}: ${why}`;
  return new AppError('state-dir-unusable', message, { cause, details: { code } });
}

/** Throws `state-dir-unusable` for what the disk refuses. */
export async function orUnusable<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof AppError ? error : unusable(path, error);
  }
}

export const isCode = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');

/** A rename is only durable once its folder is (open(2), fsync(2)). */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a temporary file beside the target, synced; answers its path. */
async function writeTemporary(folder: string, text: string): Promise<string> {
  await makeFolder(folder);
  const path = join(folder, `.${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return path;
}

/** None where there is no such folder. Throws `state-dir-unusable` for what is none. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw unusable(folder, error);
  }
}

/** What processes left that were killed while they wrote: their names begin with their pid. */
async function sweepTemporary(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const pid = /^\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && processName(Number(pid)) === undefined) await rm(join(folder, name), { force: true });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Of several processes that write it at once, one wins and all find its text. Answers whether this one did. */
export async function writeOnce(folder: string, path: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(folder, text);
  try {
    await link(temporary, path);
    await syncFolder(folder);
    return true;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}

function documentPath(folder: string, name: string): string {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a document`);
  return join(folder, `${name}.json`);
}

/**
 * A person approves in a clone of one's own what a controller plans at the remote: two addresses, one approval. A plan's
 * id is a hash over its commit, so that it stands for itself.
 */
const everybodys: readonly string[] = ['approvals'];

/** Where the notes on a repository lie in the state folder: by its address and branch, or by folder and file outside of any. */
export const scopeOf = (...names: readonly string[]): string =>
  join('repos', createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16));

export interface StateDirOptions {
  /** How long one waits for another process that changes the same document. Default 10 s. */
  readonly patienceMs?: number;
}

/**
 * Nothing is made before the first write. Documents lie in `<name>.json`, 0600, below `scope` where one is given: the notes
 * on two repositories are two sets of notes. Lock and id are the whole folder's. All methods throw `state-dir-unusable`
 * (no rights, disk full, a document that is no JSON).
 */
export function openStateDir(folder: string, scope = '', options: StateDirOptions = {}): StateDir {
  const inTurn = openNoteTurns(options.patienceMs ?? 10_000);
  const folderOf = (name: string): string => (everybodys.includes(name) ? folder : join(folder, scope));

  async function controllerId(): Promise<string> {
    const path = join(folder, 'controller-id');
    const known = (await readIfThere(path))?.trim();
    if (known !== undefined && known !== '') return known;
    // An empty file is what a crash of the disk leaves; link would not replace it.
    if (known === '') await rm(path, { force: true });
    await writeOnce(folder, path, `${randomBytes(8).toString('hex')}\n`);
    return ((await readIfThere(path)) ?? '').trim();
  }

  async function read<T>(name: string): Promise<T | undefined> {
    const text = await readIfThere(documentPath(folderOf(name), name));
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  async function write(name: string, value: unknown): Promise<void> {
    const documents = folderOf(name);
    const path = documentPath(documents, name);
    await makeFolder(folder);
    const temporary = await writeTemporary(documents, `${JSON.stringify(value, null, 2)}\n`);
    try {
      await rename(temporary, path);
      await syncFolder(documents);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async function change<T>(name: string, become: (before: T | undefined) => T | undefined): Promise<void> {
    const documents = folderOf(name);
    documentPath(documents, name);
    await makeFolder(folder);
    await makeFolder(documents);
    // Hidden, so that no backup has it.
    await inTurn(join(documents, `.${name}.lock`), async () => {
      const before = await read<T>(name);
      const after = become(before);
      if (after !== before) await write(name, after);
    });
  }

  async function lock(): Promise<() => Promise<void>> {
    await makeFolder(folder);
    const release = await takeLock(join(folder, 'lock'));
    try {
      await (await import('./backup-state.js')).finishRestores(folder);
      for (const one of new Set([folder, join(folder, scope)])) await sweepTemporary(one);
    } catch (error) {
      await release();
      throw error;
    }
    return release;
  }

  return {
    path: folder,
    processName: processName(process.pid) ?? `${process.pid}:`,
    runs: name => processRuns(name) || holdsJournal(join(folder, scope), name),
    controllerId: () => orUnusable(folder, controllerId),
    read: name => orUnusable(documentPath(folderOf(name), name), () => read(name)),
    write: (name, value) => orUnusable(folder, () => write(name, value)),
    change: (name, become) => orUnusable(documentPath(folderOf(name), name), () => change(name, become)),
    lock: () => orUnusable(folder, lock),
  };
}
