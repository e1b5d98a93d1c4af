// Host keys of machines: the rule by which they are believed, and asking a machine for those it shows.
import type { Duplex } from 'node:stream';
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
import { exactOffer } from './ssh-algorithms.js';
import { connectError, unreachable } from './ssh-errors.js';

/** Opens the byte stream to the machine's sshd: a socket, or a channel of a jump machine. */
export type OpenStream = () => Promise<Duplex>;

export interface HostKeyRule {
  readonly types: readonly string[];
  readonly judge: (key: Buffer) => HostKeyVerdict;
}

/** Pinned keys alone where there are some, else the known_hosts files, read anew at each connect. */
export async function hostKeyRule(machine: Machine, files: readonly string[]): Promise<HostKeyRule> {
  const pins = machine.hostKeys;
  if (pins.length > 0) return { types: keyTypesOfPins(pins), judge: key => judgePinned(pins, key) };
  const known = await loadKnownHosts(files);
  return {
    types: keyTypesFor(known, machine.host, machine.port),
    judge: key => judgeHostKey(known, machine.host, machine.port, key),
  };
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
    client.on('error', fault => end(() => reject(connectError(machine, fault, false, []))));
    client.once('close', () => reject(unreachable(machine, 'it closed the connection')));
    client.connect({
      sock: sock,
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
