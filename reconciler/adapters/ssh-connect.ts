// One connection to one machine: dial, verify the host key, log in. Answers a client that is ready, or throws.
import { connect as dialTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import type { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import {
  fingerprint,
  type HostKeyVerdict,
  judgeHostKey,
  judgePinned,
  keyTypesFor,
  keyTypesOfPins,
  loadKnownHosts,
} from './known-hosts.js';
import { exactOffer, offer } from './ssh-algorithms.js';
import { connectError, hostKeyError, type SshFault, unreachable } from './ssh-errors.js';
import type { Identities } from './ssh-keys.js';

export interface ConnectSettings {
  readonly knownHostsFiles: readonly string[];
  readonly identities: (sshKey: string | undefined) => Promise<Identities>;
  /** Until the TCP connection stands. */
  readonly connectLimitMs: number;
  /** From there until the login is through. */
  readonly loginLimitMs: number;
  readonly keepaliveMs: number;
  /** Until a session is opened or refused. */
  readonly answerLimitMs: number;
}

/** Opens the byte stream to the machine's sshd: a socket, or a channel of a jump machine. */
export type OpenStream = () => Promise<Duplex>;

interface HostKeyRule {
  readonly types: readonly string[];
  readonly judge: (key: Buffer) => HostKeyVerdict;
}

/** Pinned keys alone where there are some, else the known_hosts files, read anew at each connect. */
async function hostKeyRule(machine: Machine, files: readonly string[]): Promise<HostKeyRule> {
  const pins = machine.hostKeys;
  if (pins.length > 0) return { types: keyTypesOfPins(pins), judge: key => judgePinned(pins, key) };
  const known = await loadKnownHosts(files);
  return {
    types: keyTypesFor(known, machine.host, machine.port),
    judge: key => judgeHostKey(known, machine.host, machine.port, key),
  };
}

/** A TCP connection without Nagle's delay (it costs 40 ms an exec). The name is resolved anew each time. */
export function openSocket(machine: Machine, limitMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dialTcp({ host: machine.host, port: machine.port, noDelay: true });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(connectError(machine, error, false, []));
    };
    const timer = setTimeout(() => fail(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })), limitMs);
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** Connects and logs in. Throws `ssh-unreachable`, `ssh-auth`, `ssh-key-unusable`, `ssh-host-key-unknown|changed`. */
export async function connectMachine(
  machine: Machine,
  openStream: OpenStream,
  settings: ConnectSettings,
): Promise<Client> {
  const [rule, identities, { default: ssh2 }] = await Promise.all([
    hostKeyRule(machine, settings.knownHostsFiles),
    settings.identities(machine.sshKey),
    import('ssh2'),
  ]);
  const client = new ssh2.Client();
  let refusedKey: AppError | undefined;
  const config: ConnectConfig = {
    username: machine.user,
    authHandler: identities.methods(machine.user) as NonNullable<ConnectConfig['authHandler']> & object[],
    algorithms: offer(rule.types),
    hostVerifier: (key: Buffer) => {
      const verdict = rule.judge(key);
      if (verdict !== 'trusted') refusedKey = hostKeyError(machine, verdict, key);
      return verdict === 'trusted';
    },
    readyTimeout: settings.loginLimitMs,
    keepaliveInterval: settings.keepaliveMs,
    keepaliveCountMax: 3,
  };
  const sock = await openStream();
  return new Promise((resolve, reject) => {
    let authenticating = false;
    const fail = (fault: SshFault): void => {
      // An agent that fails leaves the other ways to log in.
      if (fault.level === 'agent') return;
      client.destroy();
      reject(refusedKey ?? connectError(machine, fault, authenticating, identities.names));
    };
    client.on('error', fail);
    client.once('close', () => fail(Object.assign(new Error('it closed the connection'), { code: 'ECONNRESET' })));
    client.once('handshake', () => {
      authenticating = true;
    });
    client.once('ready', () => {
      client.off('error', fail);
      // A fault of a ready connection ends it; what ran over it then ends as lost.
      client.on('error', () => client.destroy());
      resolve(client);
    });
    client.connect({ ...config, sock: sock as NonNullable<ConnectConfig['sock']> });
  });
}

export interface ShownKey {
  readonly key: string;
  readonly fingerprint: string;
}

/** One connection for each kind: a server shows one key a time. */
const kindsOfKeys: readonly (readonly string[])[] = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
];

/** The keys that the machine proves to hold. No login is tried and nothing is trusted. Throws `ssh-unreachable`. */
export async function showHostKeys(
  machine: Machine,
  openStream: OpenStream,
  limitMs: number,
): Promise<readonly ShownKey[]> {
  const shown = await Promise.allSettled(kindsOfKeys.map(kind => showHostKey(machine, kind, openStream, limitMs)));
  const keys = shown.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = shown.find(one => one.status === 'rejected');
  if (keys.length === 0 && failed !== undefined) throw failed.reason;
  return keys;
}

async function showHostKey(
  machine: Machine,
  kind: readonly string[],
  openStream: OpenStream,
  limitMs: number,
): Promise<ShownKey> {
  const { default: ssh2 } = await import('ssh2');
  const client = new ssh2.Client();
  const sock = await openStream();
  return new Promise((resolve, reject) => {
    let seen: Buffer | undefined;
    const end = (act: () => void): void => {
      act();
      client.destroy();
    };
    // The signature over the key exchange was checked when this comes: the key is really the server's.
    client.once('handshake', negotiated => {
      const key = seen;
      if (key === undefined) return end(() => reject(unreachable(machine, 'it showed no host key')));
      const type = negotiated.serverHostKey.startsWith('rsa-') ? 'ssh-rsa' : negotiated.serverHostKey;
      end(() => resolve({ key: `${type} ${key.toString('base64')}`, fingerprint: fingerprint(key) }));
    });
    client.on('error', fault => end(() => reject(connectError(machine, fault as SshFault, false, []))));
    client.once('close', () => reject(unreachable(machine, 'it closed the connection')));
    client.connect({
      sock: sock as NonNullable<ConnectConfig['sock']>,
      username: machine.user,
      authHandler: [],
      algorithms: exactOffer(kind),
      hostVerifier: (key: Buffer) => {
        seen = key;
        return true;
      },
      readyTimeout: limitMs,
    });
  });
}
