// The state folder in a backup: its documents, ids and keys. Brought back staged, and switched all together, also by the next start.
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from './make-folder.js';
import { isCode, namesIn, orUnusable, syncFolder, unusable } from './state-dir.js';

export interface SavedFile {
  /** Below the state folder, `/` between parts. */
  readonly path: string;
  readonly mode: number;
  readonly base64: string;
}

/**
 * What is left out: clones and the database's files (made anew), machines' own folders, what holds for a process only, and
 * what people have said for plans of that time: an old approval is not given again, and a token that was revoked since stays so.
 * An audit log is only appended to: the database has its copy.
 */
const leftOut = new Set(['postgres', 'git', 'clusters', 'lock', 'approvals.json', 'tokens', 'audit']);
const stagePrefix = 'restoring-';
const isPassing = (name: string): boolean =>
  name.startsWith('.') || name.startsWith(stagePrefix) || name.startsWith('journal.') || name === 'controller.json';

async function walk(folder: string, below: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (isPassing(entry.name) || leftOut.has(path)) continue;
    if (entry.isDirectory()) found.push(...(await walk(folder, path)));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

export async function* savedFiles(folder: string): AsyncGenerator<SavedFile> {
  if ((await namesIn(folder)).length === 0) return;
  for (const path of await orUnusable(folder, () => walk(folder, ''))) {
    const full = join(folder, path);
    try {
      const [bytes, { mode }] = [await readFile(full), await stat(full)];
      yield { path, mode: mode & 0o777, base64: bytes.toString('base64') };
    } catch (error) {
      // A record on its way to the database: it was taken along meanwhile.
      if (!isCode(error, 'ENOENT')) throw unusable(folder, error);
    }
  }
}

/** A path of the backup must not lead out of the folder. */
export const isSafePath = (path: string): boolean =>
  path !== '' && path.split('/').every(part => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));

async function writeSynced(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await makeFolder(dirname(path));
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

export interface Staged {
  add(file: SavedFile): Promise<void>;
  /** From here on it is brought to its end, by this process or by the next one that takes the folder's lock. */
  seal(): Promise<void>;
  isSealed(): boolean;
  /** Only of what is sealed. */
  finish(): Promise<void>;
  /** Only of what is not. */
  drop(): Promise<void>;
}

export async function stageFiles(folder: string, id: string): Promise<Staged> {
  const stage = join(folder, `${stagePrefix}${id}`);
  await mkdir(join(stage, 'files'), { recursive: true, mode: 0o700 });
  let sealed = false;
  return {
    add: ({ path, mode, base64 }) => writeSynced(join(stage, 'files', path), Buffer.from(base64, 'base64'), mode),
    seal: async () => {
      await writeSynced(join(stage, 'ready'), Buffer.from(''), 0o600);
      sealed = true;
      await syncFolder(folder);
    },
    isSealed: () => sealed,
    finish: () => finishRestores(folder),
    drop: () => rm(stage, { recursive: true, force: true }),
  };
}

async function allFiles(folder: string, below = ''): Promise<readonly string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map(async entry => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      return entry.isDirectory() ? await allFiles(folder, path) : [path];
    }),
  );
  return nested.flat();
}

async function switchFiles(folder: string, stage: string): Promise<void> {
  for (const path of await allFiles(join(stage, 'files'))) {
    const target = join(folder, path);
    await makeFolder(dirname(target));
    await rename(join(stage, 'files', path), target);
    await syncFolder(dirname(target));
  }
}

/** For whoever holds the folder's lock: a restore that was ready is brought to its end, one that was not is taken away. */
export async function finishRestores(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(stagePrefix)) continue;
    const stage = join(folder, name);
    await chmod(stage, 0o700);
    const parts = await namesIn(stage);
    // Killed while it was taken away, its files may be gone already, all of them being in their places.
    if (parts.includes('ready') && parts.includes('files')) await switchFiles(folder, stage);
    await rm(stage, { recursive: true, force: true });
  }
}
