// A real OpenSSH server on a free loopback port, with host keys, a client key and a configuration of its own.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun } from '../lab/run-program.js';
import { startChild, type Child } from './child.js';
import { freePort, untilListening } from './ports.js';

type KeyType = 'ed25519' | 'rsa' | 'ecdsa';

export interface SshdWish {
  /** Host key types (default ed25519). */
  readonly hostKeys?: readonly KeyType[];
  /** Lines that go to the top of sshd_config, where the first value of a keyword wins: `MaxSessions 2`, `ForceCommand …`. */
  readonly config?: readonly string[];
  /** Public keys to let in besides the one made for the test. */
  readonly authorizedKeys?: readonly string[];
  /** Where it listens besides 127.0.0.1. */
  readonly addresses?: readonly string[];
}

export interface Sshd {
  readonly port: number;
  /** The user to log in as: the one who runs the test. */
  readonly user: string;
  /** A private key (ed25519) that is let in. */
  readonly keyFile: string;
  readonly dir: string;
  /** The file that may be rewritten while the server runs. */
  readonly authorizedKeysFile: string;
  /** `ssh-ed25519 AAAA…` of the host key of that type. */
  hostKey(type?: KeyType): string;
  /** Makes a new host key of that type; shown to clients after `stop` and `start`. */
  changeHostKey(type?: KeyType): Promise<void>;
  log(): string;
  /** Ends the listener and all its connections. */
  stop(): Promise<void>;
  /** Again on the same port. */
  start(): Promise<void>;
  /** Stops it and deletes its folder. */
  remove(): Promise<void>;
}

export async function startSshd(wish: SshdWish = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'portoser-sshd-'));
  const port = await freePort();
  const types = wish.hostKeys ?? ['ed25519'];
  await Promise.all([...types.map(type => makeKey(hostKeyFile(dir, type), type)), makeKey(join(dir, 'id'), 'ed25519')]);
  writeFileSync(
    join(dir, 'authorized_keys'),
    [publicKey(join(dir, 'id')), ...(wish.authorizedKeys ?? []), ''].join('\n'),
  );
  writeFileSync(join(dir, 'sshd_config'), configText(dir, port, types, wish));
  if (process.getuid?.() === 0) prepareSeparation();
  let child: Child | undefined;
  const sshd: Sshd = {
    port,
    dir,
    user: userInfo().username,
    keyFile: join(dir, 'id'),
    authorizedKeysFile: join(dir, 'authorized_keys'),
    hostKey: (type = 'ed25519') => publicKey(hostKeyFile(dir, type)),
    async changeHostKey(type = 'ed25519') {
      rmSync(hostKeyFile(dir, type));
      await makeKey(hostKeyFile(dir, type), type);
    },
    log: () => child?.log() ?? '',
    async stop() {
      await endSessions(dir, child);
      child = undefined;
    },
    async start() {
      rmSync(join(dir, 'pid'), { force: true });
      // -D in the foreground, -e to standard error; sshd wants to be called by its full path, for it starts itself again
      child = startChild('/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'sshd_config')]);
      await untilListening(port, () => sshd.log());
      await untilNoted(dir, () => sshd.log());
    },
    async remove() {
      await sshd.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await sshd.start();
  return sshd;
}

const hostKeyFile = (dir: string, type: KeyType) => join(dir, `host_${type}`);

async function makeKey(file: string, type: KeyType): Promise<void> {
  await mustRun('sh', ['-c', 'rm -f "$1.pub"; exec ssh-keygen -q -t "$2" -N "" -C test -f "$1"', 'sh', file, type]);
}

function publicKey(file: string): string {
  return readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}

function configText(dir: string, port: number, types: readonly KeyType[], wish: SshdWish): string {
  const { config: extra = [], addresses = [] } = wish;
  return [
    ...extra.filter(line => !line.startsWith('Match ')),
    `Port ${port}`,
    ...['127.0.0.1', ...addresses].map(address => `ListenAddress ${address}`),
    ...types.map(type => `HostKey ${hostKeyFile(dir, type)}`),
    `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
    `PidFile ${join(dir, 'pid')}`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'LogLevel VERBOSE',
    ...extra.filter(line => line.startsWith('Match ')),
    '',
  ].join('\n');
}

/** sshd as root drops its rights into this folder; a package that was never started has not made it. */
function prepareSeparation(): void {
  mkdirSync('/run/sshd', { recursive: true });
  chmodSync('/run/sshd', 0o755);
}

/** It listens before it says which process it is. */
async function untilNoted(dir: string, log: () => string): Promise<void> {
  const file = join(dir, 'pid');
  for (const end = performance.now() + 10_000; performance.now() < end; await sleep(10))
    if (existsSync(file) && readFileSync(file, 'utf8').trim() !== '') return;
  throw new Error(`sshd has not written ${file}: ${log()}`);
}

/** The children that serve connections outlive the listener: they are ended first, found by their parent. */
async function endSessions(dir: string, child: Child | undefined): Promise<void> {
  if (child === undefined) return;
  const listener = readFileSync(join(dir, 'pid'), 'utf8').trim();
  await mustRun('sh', ['-c', 'for p in $(pgrep -P "$1"); do kill "$p" || :; done', 'sh', listener]);
  await child.stop();
}
