// The embedded PostgreSQL: made on first use below the state folder, started, taken over when it still runs, stopped by `run` alone.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AppError } from '../../schema/errors.js';
import { makeFolder } from './make-folder.js';
import {
  readPostmaster,
  removeSocketFolder,
  runningPostmaster,
  socketFolderPrefix,
  stopPostmaster,
} from './postgres-process.js';
import { type Software, softwareFor } from './postgres-software.js';
import { letThrough, type ServerUser, serverUser } from './postgres-user.js';

/** The one role there is; operating system users are mapped to it. */
export const databaseRole = 'portoser';

export interface RunningPostgres {
  readonly pid: number;
  /** For a driver: the folder of the socket. */
  readonly host: string;
  /** It ran already. */
  readonly takenOver: boolean;
  stop(): Promise<void>;
}

const homeOf = (stateDir: string): string => join(stateDir, 'postgres');
const dataIn = (stateDir: string): string => join(homeOf(stateDir), 'data');

/** Ends what still runs for a state folder that is taken away, whoever started it. */
export async function endPostgres(stateDir: string): Promise<void> {
  const data = dataIn(stateDir);
  const found = await runningPostmaster(data);
  if (found === undefined) return;
  const { uid } = await stat(data);
  await stopPostmaster(found.pid, data);
  await removeSocketFolder(found.socketFolder, uid);
}

/** A small database beside other work: little memory, no helpers that it does not need, no TCP. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '20',
  shared_buffers: '16MB',
  // Systems that end a user's login remove that user's POSIX shared memory (logind's RemoveIPC).
  dynamic_shared_memory_type: 'mmap',
  max_wal_size: '128MB',
  min_wal_size: '32MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  max_parallel_workers: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
};

/** Where the server of this state folder listens, when one runs; nothing is started. */
export async function runningPostgres(stateDir: string): Promise<string | undefined> {
  const found = await runningPostmaster(dataIn(stateDir));
  return found?.status === 'ready' ? found.socketFolder : undefined;
}

/** No variable of ours (PGPORT, PGDATA, …) reaches it. */
const environment = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };

const identity = ({ other, uid, gid }: ServerUser): object => (other ? { uid, gid } : {});

/** Readable (or passable) for the server's user and for nobody else, whatever the umask. */
async function share(path: string, mode: number, user: ServerUser): Promise<void> {
  if (!user.other) return;
  await chown(path, 0, user.gid);
  await chmod(path, mode);
}

/** Ours is everything but the data: what root writes never lies in a folder of the server's user. */
async function makeHome(stateDir: string, user: ServerUser): Promise<string> {
  const home = homeOf(stateDir);
  await makeFolder(home);
  await letThrough(stateDir, user);
  await share(home, 0o710, user);
  // Peers are known by the operating system; root may come too.
  const allow = `local all ${databaseRole} peer map=ours\n`;
  const names = [...new Set([user.name, 'root'])].map(name => `ours ${name} ${databaseRole}\n`).join('');
  for (const [name, text] of Object.entries({ 'hba.conf': allow, 'ident.conf': names })) {
    await writeFile(join(home, name), text, { mode: 0o600 });
    await share(join(home, name), 0o640, user);
  }
  return home;
}

async function makeData(home: string, software: Software, user: ServerUser): Promise<void> {
  for (const name of await readdir(home))
    if (name.startsWith('data-new-')) await rm(join(home, name), { recursive: true, force: true });
  const folder = join(home, `data-new-${randomBytes(4).toString('hex')}`);
  await mkdir(folder, { mode: 0o700 });
  if (user.other) await chown(folder, user.uid, user.gid);
  const words = ['-D', folder, '-U', databaseRole, '-A', 'peer', '-E', 'UTF8', '--no-locale', '--no-instructions'];
  try {
    await promisify(execFile)(software.initdb, words, { env: environment, cwd: '/', ...identity(user) });
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    const { stderr = '', message } = cause as Error & { stderr?: string };
    throw new AppError('store-start', `initdb failed: ${stderr.trim().split('\n').at(-1) || message}`, {
      cause,
      hint: 'Its programs need Linux with glibc, or macOS; elsewhere name a PostgreSQL of your own with DATABASE_URL.',
    });
  }
  await rename(folder, join(home, 'data'));
}

/** Of another major version the files cannot be read. */
async function dataVersion(data: string): Promise<string | undefined> {
  try {
    return (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Socket addresses have 103 bytes (macOS), and the server adds 15. */
const longestParent = 70;

/** /run is not tidied by age, as /tmp is; it is root's, and not there or not writable everywhere. */
async function makeSocketFolder(user: ServerUser): Promise<string> {
  const parents = [...(user.other ? ['/run'] : []), ...(tmpdir().length > longestParent ? [] : [tmpdir()]), '/tmp'];
  let refused: unknown;
  for (const parent of parents) {
    try {
      const folder = await mkdtemp(join(parent, socketFolderPrefix)); // 0700
      if (user.other) await chown(folder, user.uid, user.gid);
      return folder;
    } catch (error) {
      refused = error;
    }
  }
  throw refused;
}

const longestLog = 1024 * 1024;

async function lastWords(log: string): Promise<string> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n');
  return lines.findLast(line => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? '';
}

const startLimitMs = 60_000;
const pollMs = 5;

interface Launched {
  readonly pid: number;
  readonly exited: () => boolean;
}

/** A process group and session of its own: Ctrl-C and the end of this process are not meant for it. */
async function launch(home: string, software: Software, user: ServerUser, socketFolder: string): Promise<Launched> {
  const log = join(home, 'log');
  if (((await stat(log).catch(() => undefined))?.size ?? 0) > longestLog) await rename(log, `${log}.1`);
  const more = {
    unix_socket_directories: socketFolder,
    hba_file: join(home, 'hba.conf'),
    ident_file: join(home, 'ident.conf'),
  };
  const options = Object.entries({ ...settings, ...more }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // The lock file of one that is gone may name a process that came later; that variable says it is none of its kind.
  const stale = await readPostmaster(join(home, 'data'));
  const env = { ...environment, ...(stale === undefined ? {} : { PG_GRANDPARENT_PID: String(stale.pid) }) };
  const file = await open(log, 'a', 0o600);
  try {
    const child = spawn(software.postgres, ['-D', join(home, 'data'), ...options], {
      ...identity(user),
      env,
      cwd: '/',
      detached: true,
      stdio: ['ignore', file.fd, file.fd],
    });
    let exited = false;
    child.once('exit', () => (exited = true));
    child.once('error', () => (exited = true));
    child.unref();
    return { pid: child.pid ?? 0, exited: () => exited };
  } finally {
    await file.close();
  }
}

async function untilReady(home: string, pid: number, exited: () => boolean, limitMs: number): Promise<string> {
  for (const end = performance.now() + limitMs; performance.now() < end; await sleep(pollMs)) {
    const found = await readPostmaster(join(home, 'data'));
    if (found?.pid === pid && found.status === 'ready') return found.socketFolder;
    if (exited())
      throw new AppError('store-start', `PostgreSQL ended at its start: ${await lastWords(join(home, 'log'))}`);
  }
  throw new AppError('store-start', `PostgreSQL was not ready within ${limitMs / 1000} s`, {
    hint: 'It goes on starting, and is looked for again.',
  });
}

/** One that a controller before this one left running, in whatever state it is. */
async function takeOver(home: string, user: ServerUser, limitMs: number): Promise<RunningPostgres | undefined> {
  const data = join(home, 'data');
  const found = await runningPostmaster(data);
  if (found === undefined) return undefined;
  // One that was told to stop comes to its end; another is begun then.
  const gone = async (): Promise<boolean> => (await runningPostmaster(data))?.pid !== found.pid;
  let over = false;
  const watch = setInterval(() => void gone().then(is => (over ||= is)), 100);
  try {
    const host = await untilReady(home, found.pid, () => over, limitMs);
    return { pid: found.pid, host, takenOver: true, stop: () => stop(home, found.pid, host, user) };
  } catch (error) {
    if (over) return undefined;
    throw error;
  } finally {
    clearInterval(watch);
  }
}

async function stop(home: string, pid: number, host: string, user: ServerUser): Promise<void> {
  await stopPostmaster(pid, join(home, 'data'));
  await removeSocketFolder(host, user.uid);
}

async function begin(home: string, user: ServerUser, limitMs: number): Promise<RunningPostgres> {
  const software = await softwareFor(user, home);
  const data = join(home, 'data');
  const version = await dataVersion(data);
  if (version === undefined) await makeData(home, software, user);
  const left = await readPostmaster(data);
  if (left !== undefined) await removeSocketFolder(left.socketFolder, user.uid);
  const host = await makeSocketFolder(user);
  let launched: Launched | undefined;
  try {
    launched = await launch(home, software, user, host);
    const { pid, exited } = launched;
    await untilReady(home, pid, exited, limitMs);
    return { pid, host, takenOver: false, stop: () => stop(home, pid, host, user) };
  } catch (error) {
    // One that only takes long is taken over by the next try, at its socket.
    if (launched === undefined || launched.exited()) await removeSocketFolder(host, user.uid);
    throw error;
  }
}

export interface StartWish {
  /** For root it runs as a user that is there already. */
  readonly guest?: boolean;
  /** How long it may take to be ready (60 s); recovery of much that was written before a crash may take longer. */
  readonly limitMs?: number;
}

/**
 * The server of this state folder, ready for connections. The caller holds the folder's lock. What is not ready in time goes
 * on starting, and another call takes it over. Throws `store-none` where its programs are not installed, `store-start` with the reason else.
 */
export async function startPostgres(stateDir: string, wish: StartWish = {}): Promise<RunningPostgres> {
  const { guest = false, limitMs = startLimitMs } = wish;
  try {
    const user = await serverUser(guest);
    const home = await makeHome(stateDir, user);
    return (await takeOver(home, user, limitMs)) ?? (await begin(home, user, limitMs));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('store-start', `PostgreSQL cannot be started: ${(cause as Error).message}`, { cause });
  }
}
