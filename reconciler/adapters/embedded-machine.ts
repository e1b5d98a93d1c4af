// A machine for demos and tests: an SSH server in this process that runs real commands in a private folder.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash, timingSafeEqual } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { type AddressInfo, connect as dialTcp, createServer, type Server, type Socket } from 'node:net';
import { join, resolve as absolute } from 'node:path';
import type { AuthContext, ParsedKey, ServerChannel, Session } from 'ssh2';
import { endProcesses, findProcesses, markerName } from './embedded-processes.js';
import { exactOffer } from './ssh-algorithms.js';
import { newKeyPair } from './ssh-new-key.js';

export interface EmbeddedMachineWish {
  readonly name: string;
  /** Private to this machine: its host key, HOME and state stand there. Made when missing. */
  readonly folder: string;
  /** Who may log in; default `portoser`. Commands run as the user of this process, whatever the name. */
  readonly user?: string;
  /** Public key that may log in: `ssh-ed25519 AAAA…`. */
  readonly authorizedKey: string;
  /** On 127.0.0.1; default: a free one. */
  readonly port?: number;
  /** Added to the environment of its commands. Nothing else of this process but PATH is. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface EmbeddedMachine {
  readonly name: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** Public host key, the same over restarts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Value of PORTOSER_MACHINE in the environment of everything that runs there. */
  readonly marker: string;
  /** Closes its connections, ends everything that it started and left running, and resolves when that is gone. */
  stop(): Promise<void>;
  /** Cuts all connections at once, as a broken network would; what runs there goes on. */
  cut(): void;
}

const termGraceMs = 2000;

/** Behaves as a machine without a service manager: detached processes survive the end of the command and of the connection. */
export async function startEmbeddedMachine(wish: EmbeddedMachineWish): Promise<EmbeddedMachine> {
  const { default: ssh2 } = await import('ssh2');
  const folder = absolute(wish.folder);
  const user = wish.user ?? 'portoser';
  const marker = markerOf(wish.name, folder);
  const environment = await makeHome(folder, user, marker, wish.env ?? {});
  const privateKey = await hostKeyOf(folder);
  const hostKey = parsed(ssh2.utils.parseKey(privateKey));
  const allowed = parsed(ssh2.utils.parseKey(wish.authorizedKey));
  const sessions = new Set<number>();

  const server = new ssh2.Server({ hostKeys: [privateKey], algorithms: exactOffer(['ssh-ed25519']) }, client => {
    // A client that breaks off is no matter: its connection is closed, what it started goes on.
    client.on('error', () => undefined);
    client.on('authentication', context => authenticate(context, user, allowed));
    client.on('ready', () => {
      client.on('session', accept => serveSession(accept(), environment, sessions));
      client.on('tcpip', (accept, reject, to) => forward(accept, reject, to.destIP, to.destPort));
    });
  });
  const sockets = new Set<Socket>();
  // Our own listener: ssh2's would not tell its sockets, nor take Nagle's delay off them.
  const listener = createServer({ noDelay: true }, socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    server.injectSocket(socket);
  });
  const port = await listen(listener, wish.port ?? 0);
  const cut = (): void => sockets.forEach(socket => socket.destroy());
  return {
    name: wish.name,
    host: '127.0.0.1',
    port,
    user,
    hostKey: `ssh-ed25519 ${hostKey.getPublicSSH().toString('base64')}`,
    marker,
    cut,
    stop: async () => {
      const closed = new Promise<void>(resolve => void listener.close(() => resolve()));
      cut();
      await endProcesses(() => findProcesses(marker, sessions), termGraceMs);
      await closed;
    },
  };
}

const markerOf = (name: string, folder: string): string =>
  `${name}-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`;

/** Ends what a machine left running whose own process was killed. */
export async function endMachine(name: string, folder: string): Promise<void> {
  const marker = markerOf(name, absolute(folder));
  await endProcesses(() => findProcesses(marker, new Set()), termGraceMs);
}

function parsed(key: ParsedKey | Error): ParsedKey {
  if (key instanceof Error) throw key;
  return key;
}

/** The whole environment of its commands: nothing of the controller's own, which may hold credentials. */
async function makeHome(
  folder: string,
  user: string,
  marker: string,
  more: Readonly<Record<string, string>>,
): Promise<NodeJS.ProcessEnv> {
  const home = join(folder, 'home');
  const state = join(folder, 'state');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await mkdir(state, { recursive: true, mode: 0o700 });
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const base = { PATH: path, HOME: home, XDG_STATE_HOME: state, USER: user, LOGNAME: user, SHELL: '/bin/sh' };
  return { ...base, ...more, [markerName]: marker };
}

/** Kept in the folder, so that the machine is known again after a restart. */
async function hostKeyOf(folder: string): Promise<string> {
  const path = join(folder, 'host_key');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const { private: key } = await newKeyPair();
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  return key;
}

function listen(listener: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(port, '127.0.0.1', () => resolve((listener.address() as AddressInfo).port));
  });
}

function authenticate(context: AuthContext, user: string, allowed: ParsedKey): void {
  if (context.method !== 'publickey') return context.reject(['publickey']);
  const wanted = allowed.getPublicSSH();
  const offered = context.key.data;
  const known = offered.length === wanted.length && timingSafeEqual(offered, wanted);
  const { blob, signature, hashAlgo } = context as typeof context & { hashAlgo?: string };
  // Without a signature the client only asks whether the key would do.
  const proven = signature === undefined || (blob !== undefined && allowed.verify(blob, signature, hashAlgo));
  if (known && proven && context.username === user) context.accept();
  else context.reject(['publickey']);
}

function serveSession(session: Session, environment: NodeJS.ProcessEnv, sessions: Set<number>): void {
  session.on('exec', (accept, reject, { command }) => {
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true, // Its own session and process group, as under sshd.
      env: environment,
      cwd: environment['HOME'],
      stdio: 'pipe',
    });
    child.once('error', () => reject());
    child.once('spawn', () => {
      if (child.pid !== undefined) track(child.pid, child, sessions);
      serveExec(accept(), child);
    });
  });
}

/** Only while the leader lives: later its number may be another's. Daemons are then known by their environment. */
function track(pid: number, child: ChildProcessWithoutNullStreams, sessions: Set<number>): void {
  sessions.add(pid);
  child.once('exit', () => sessions.delete(pid));
}

function serveExec(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  // Either side may hang up first; how the command ended is told by its exit code alone.
  const ignore = (): void => undefined;
  for (const stream of [channel, channel.stderr, child.stdin, child.stdout, child.stderr]) stream.on('error', ignore);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.once('exit', (code, signal) => {
    if (code === null) channel.exit((signal ?? 'SIGKILL').slice(3));
    else channel.exit(code);
  });
  child.once('close', () => channel.end());
  // As under sshd a closed channel ends no command; it only finds its pipes closed.
  channel.once('close', () => {
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  });
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

function forward(accept: () => ServerChannel, reject: () => void, host: string, port: number): void {
  if (!loopback.test(host)) return reject();
  const socket = dialTcp({ host, port, noDelay: true });
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    const channel = accept();
    socket.on('error', () => channel.close());
    channel.on('error', () => socket.destroy());
    socket.pipe(channel);
    channel.pipe(socket);
    socket.once('close', () => channel.close());
    channel.once('close', () => socket.destroy());
  });
}
