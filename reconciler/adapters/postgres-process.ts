// A PostgreSQL server as a process: what its lock file says of it, whether it still runs, and its orderly end.
import { execFile } from 'node:child_process';
import { lstat, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Postmaster {
  readonly pid: number;
  /** Where its socket lies. */
  readonly socketFolder: string;
  /** `ready`: it takes connections. `''`: it has not said yet. */
  readonly status: string;
}

/** By lines: pid, data folder, start, port, socket folder, listen address, shared memory, status (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_*). */
export async function readPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  let text: string;
  try {
    text = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  const lines = text.split('\n').map(line => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  return { pid, socketFolder: lines[4] ?? '', status: lines[7] ?? '' };
}

async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout;
  } catch {
    return ''; // it is gone, and a process that cannot be looked at is not ours
  }
}

/** Pids are used again: it is the server of this folder only when its words say so. */
export async function serves(pid: number, dataFolder: string): Promise<boolean> {
  return (await commandLine(pid)).includes(` -D ${dataFolder} `);
}

/** The server of this folder that runs now, whoever started it. */
export async function runningPostmaster(dataFolder: string): Promise<Postmaster | undefined> {
  const found = await readPostmaster(dataFolder);
  return found !== undefined && (await serves(found.pid, dataFolder)) ? found : undefined;
}

const pollMs = 10;

/** False: it still runs when the time is over. */
async function ended(pid: number, dataFolder: string, limitMs: number): Promise<boolean> {
  for (const end = performance.now() + limitMs; performance.now() < end; await sleep(pollMs)) {
    // A zombie, as it stays where nobody is its parent, has no words any more.
    if (!(await serves(pid, dataFolder))) return true;
  }
  return false;
}

function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export const socketFolderPrefix = 'portoser-';

/** The name comes out of a file that the server's user may write: only what we could have made is removed. */
export async function removeSocketFolder(folder: string, uid: number): Promise<void> {
  if (!new RegExp(`^${socketFolderPrefix}[A-Za-z0-9]{6}$`).test(basename(folder))) return;
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isDirectory() === true && found.uid === uid) await rm(folder, { recursive: true, force: true });
}

const fastMs = 10_000;
const immediateMs = 5_000;

/** Fast shutdown (clients are sent away, a checkpoint is made); when it does not come to its end, the immediate one, after which it recovers. */
export async function stopPostmaster(pid: number, dataFolder: string): Promise<void> {
  if (!(await serves(pid, dataFolder))) return;
  signal(pid, 'SIGINT');
  if (await ended(pid, dataFolder, fastMs)) return;
  signal(pid, 'SIGQUIT');
  await ended(pid, dataFolder, immediateMs);
}
