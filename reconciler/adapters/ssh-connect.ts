// One connection to one machine: dial, verify the host key, log in. Answers a client that is ready, or throws.
import { connect as dialTcp, type Socket } from 'node:net';
import type { Client, ConnectConfig } from 'ssh2';
import type { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { offer } from './ssh-algorithms.js';
import { connectError, hostKeyError, type SshFault } from './ssh-errors.js';
import { hostKeyRule, type OpenStream } from './ssh-host-keys.js';
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

/**
 * A TCP connection without Nagle's delay (it costs 40 ms an exec). The name is resolved anew each time. `made` gets the socket before
 * it is connected; whoever destroys it then ends the wait.
 */
export function openSocket(machine: Machine, limitMs: number, made: (socket: Socket) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dialTcp({ host: machine.host, port: machine.port, noDelay: true });
    made(socket);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(connectError(machine, error, false, []));
    };
    const timer = setTimeout(() => fail(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })), limitMs);
    const destroyed = (): void => fail(new Error('the wait was ended'));
    socket.once('error', fail);
    socket.once('close', destroyed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.off('close', destroyed);
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
    authHandler: identities.methods(machine.user),
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
    client.connect({ ...config, sock: sock });
  });
}
