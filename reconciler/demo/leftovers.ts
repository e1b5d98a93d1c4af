// Takes away what a demo left that was killed before it could: its services, its database and its folder.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endMachine } from '../adapters/embedded-machine.js';
import { endPostgres } from '../adapters/postgres.js';
import { processName, processRuns } from '../adapters/process-name.js';

export const folderPrefix = 'portoser-demo-';

/** The controller's own notes, and its database. */
export const stateIn = (folder: string): string => join(folder, 'state');

/** Names the process that the folder belongs to, so that nobody takes it away while that runs. */
export async function claimFolder(folder: string): Promise<void> {
  await writeFile(join(folder, 'owner'), processName(process.pid) ?? '');
}

async function textIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Ours, and of a process that is gone. A folder without an owner is one that a demo is just making. */
async function isLeft(folder: string): Promise<boolean> {
  const owner = await textIfThere(join(folder, 'owner'));
  if (owner === undefined || owner === '' || processRuns(owner)) return false;
  return (await stat(folder)).uid === process.geteuid?.();
}

/** None when it was killed before it had machines. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function takeAway(folder: string): Promise<void> {
  const machines = join(folder, 'machines');
  for (const name of await namesIn(machines)) await endMachine(name, join(machines, name));
  await endPostgres(stateIn(folder));
  // A database that was just being made may still write there for a moment.
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

/** The folders that were taken away. */
export async function sweepLeftovers(parent: string): Promise<readonly string[]> {
  const names = (await readdir(parent)).filter(name => name.startsWith(folderPrefix));
  const left: string[] = [];
  for (const folder of names.map(name => join(parent, name))) if (await isLeft(folder)) left.push(folder);
  for (const folder of left) await takeAway(folder);
  return left;
}
