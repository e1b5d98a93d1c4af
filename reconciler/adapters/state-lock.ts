// A lock of the operating system on a file: it ends with the process that holds it, however that ends.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, asAppError } from '../../schema/errors.js';

/** open(2) of macOS and the BSDs: lock while opening; Linux has no such flag. */
const exclusiveLock = 0x20;

function busy(path: string, holder: string): AppError {
  const who = holder.trim() === '' ? 'another process' : holder.trim();
  return new AppError('state-dir-busy', `${path} is held by ${who}`);
}

/**
 * flock(1) on the file we hold open: the lock belongs to the open file, which the short-lived child shares with us, and
 * stays when the child ends (flock(2)). It holds between containers too, where an abstract socket would not.
 */
async function lockByFlock(file: FileHandle): Promise<boolean> {
  const child = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

/**
 * Holds a file of this process's own as long as it is open, so that others see that the process lives. Only Linux has
 * processes that cannot see each other: in containers with one state folder each takes the others' pids for dead.
 */
export async function holdOpen(file: FileHandle): Promise<void> {
  if (process.platform === 'linux' && !(await lockByFlock(file)))
    throw new AppError('internal', 'somebody holds a file that was just made');
}

/** Whether a process holds this file by `holdOpen`, wherever it runs. */
export function isHeldOpen(path: string): boolean {
  if (process.platform !== 'linux') return false;
  const { status } = spawnSync('flock', ['-x', '-n', path, 'true'], { stdio: 'ignore' });
  return status === 1;
}

async function openLocked(path: string): Promise<{ readonly file: FileHandle; readonly mine: boolean }> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  if (process.platform === 'linux') {
    const file = await open(path, flags, 0o600);
    try {
      return { file, mine: await lockByFlock(file) };
    } catch (error) {
      await file.close();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new AppError('state-dir-unusable', 'the program flock is not there', {
        cause: error,
        hint: 'Install util-linux (or busybox) on this machine.',
      });
    }
  }
  try {
    return { file: await open(path, flags | exclusiveLock | constants.O_NONBLOCK, 0o600), mine: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    return { file: await open(path, 'r'), mine: false };
  }
}

/** Throws `state-dir-busy`, naming who holds it. Answers the release. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const { file, mine } = await openLocked(path);
  if (!mine) {
    const holder = await file.readFile('utf8');
    await file.close();
    throw busy(path, holder);
  }
  try {
    await file.truncate(0);
    await file.write(`process ${process.pid} since ${new Date().toISOString()}\n`, 0);
  } catch (error) {
    // On a full disk; open, it would be locked until somebody collects it.
    await file.close();
    throw error;
  }
  // The file itself stays: removing it would let two processes lock two files of one name.
  return async () => {
    try {
      await file.truncate(0);
    } finally {
      await file.close();
    }
  };
}

/** For a lock whose holder writes a little and lets it go. Throws `state-dir-busy` when that did not happen in time. */
export async function takeLockWithin(path: string, patienceMs: number): Promise<() => Promise<void>> {
  for (const until = performance.now() + patienceMs; ;) {
    try {
      return await takeLock(path);
    } catch (error) {
      if (asAppError(error).code !== 'state-dir-busy' || performance.now() > until) throw error;
      await sleep(5 + Math.random() * 20);
    }
  }
}
