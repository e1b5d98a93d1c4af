// The user that the embedded PostgreSQL runs as: this one; for root, which PostgreSQL refuses, one that is made for it, or nobody.
import { execFile } from 'node:child_process';
import { chmod, chown, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../schema/errors.js';

export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** It is somebody else than this process. */
  readonly other: boolean;
}

const userName = 'portoser';
/** Every system has it. */
const guestName = 'nobody';
const noHome = '/nonexistent';
const noShell = '/usr/sbin/nologin';

/** How a system user is made, tool by tool: shadow's (most Linux), busybox's (Alpine), FreeBSD's. */
const makers: readonly (readonly (readonly string[])[])[] = [
  [['useradd', '--system', '--user-group', '--no-create-home', '--home-dir', noHome, '--shell', noShell, userName]],
  [
    ['addgroup', '-S', userName],
    ['adduser', '-S', '-D', '-H', '-h', noHome, '-s', '/sbin/nologin', '-G', userName, userName],
  ],
  [['pw', 'useradd', userName, '-d', noHome, '-s', noShell]],
];

/** Cron and sudo leave these out of PATH. */
const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;

async function run(words: readonly string[]): Promise<string> {
  const [program = '', ...rest] = words;
  const { stdout } = await promisify(execFile)(program, rest, { env: { PATH: path, LC_ALL: 'C' } });
  return stdout.trim();
}

const useOwn = 'Name a PostgreSQL of your own with DATABASE_URL, or run Portoser as a user that is not root.';

/** id(1) asks every directory of users that the machine knows, not only /etc/passwd. */
async function find(name: string): Promise<ServerUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run(['id', '-u', name]), run(['id', '-g', name])]);
    if (Number(uid) === 0) throw new AppError('store-start', `the user ${name} is root here`, { hint: useOwn });
    return { name, uid: Number(uid), gid: Number(gid), other: true };
  } catch (error) {
    if (error instanceof AppError) throw error;
    return undefined; // no such user
  }
}

async function make(): Promise<ServerUser> {
  const said: string[] = [];
  for (const maker of makers) {
    try {
      for (const words of maker) await run(words);
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string };
      said.push(stderr.trim() || message);
    }
    // Another controller may just have made it.
    const found = await find(userName);
    if (found !== undefined) return found;
  }
  throw new AppError('store-start', `the user ${userName} cannot be made: ${said.join('; ')}`, { hint: useOwn });
}

function ourselves(uid: number, gid: number): ServerUser {
  try {
    return { name: userInfo().username, uid, gid, other: false };
  } catch (cause) {
    throw new AppError('store-start', `the user ${uid} has no name on this machine, and PostgreSQL wants one`, {
      cause,
      hint: 'Name a PostgreSQL of your own with DATABASE_URL.',
    });
  }
}

/** Made when it is not there yet; `guest`: no user is made, for what leaves nothing behind. Throws `store-start`. */
export async function serverUser(guest = false): Promise<ServerUser> {
  const uid = process.geteuid?.();
  const gid = process.getegid?.();
  if (uid === undefined || gid === undefined)
    throw new AppError('store-start', 'PostgreSQL is not started by Portoser on this system', { hint: useOwn });
  if (uid !== 0) return ourselves(uid, gid);
  const found = await find(guest ? guestName : userName);
  if (found === undefined && guest)
    throw new AppError('store-start', `there is no user ${guestName} here, and PostgreSQL does not run as root`);
  return found ?? (await make());
}

/** Permission bits of the class that the user falls into for this file. */
async function bitsFor(path: string, user: Pick<ServerUser, 'uid' | 'gid'>): Promise<number> {
  const { mode, uid, gid } = await stat(path);
  if (uid === user.uid) return (mode >> 6) & 7;
  return (gid === user.gid ? mode >> 3 : mode) & 7;
}

/** The nearest folder above (or at) `folder` that the user may not pass through; undefined: it gets there. */
export async function closedFolder(folder: string, user: Pick<ServerUser, 'uid' | 'gid'>): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await bitsFor(at, user)) & 1) === 0) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** Whether the user may read and run this program, wherever it lies. */
export async function mayRun(program: string, user: ServerUser): Promise<boolean> {
  if (!user.other) return true;
  return ((await bitsFor(program, user)) & 5) === 5 && (await closedFolder(dirname(program), user)) === undefined;
}

/**
 * Lets the user through the state folder: by its group where others may not pass. Folders above are somebody's own, and
 * stay as they are. Throws `store-start` when one of them is closed.
 */
export async function letThrough(stateDir: string, user: ServerUser): Promise<void> {
  if (!user.other) return;
  if (((await bitsFor(stateDir, user)) & 1) === 0) {
    await chown(stateDir, 0, user.gid);
    await chmod(stateDir, ((await stat(stateDir)).mode & 0o777) | 0o010);
  }
  const closed = await closedFolder(dirname(stateDir), user);
  if (closed === undefined) return;
  throw new AppError('store-start', `the user ${user.name}, which PostgreSQL runs as, may not pass through ${closed}`, {
    hint: 'Use a --state-dir that others can reach, such as /var/lib/portoser, or a PostgreSQL of your own with DATABASE_URL.',
  });
}
