// One SSH connection to a git server: the host key verified, kept open between polls, made anew when it was lost.
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AnyAuthMethod, Client, ConnectConfig } from 'ssh2';
import { AppError } from '../../schema/errors.js';
import type { GitAddress } from './git-address.js';
import { authError } from './git-errors.js';
import type { GitCredentials } from './git-settings.js';
import { type Purpose, unreachable } from './git-transport.js';
import { fingerprint, type HostKeyVerdict, judgeHostKey, keyType, keyTypesFor, loadKnownHosts } from './known-hosts.js';
import { offer } from './ssh-algorithms.js';
import { createKeyring, type Identities } from './ssh-keys.js';

type SshAddress = Extract<GitAddress, { kind: 'ssh' }>;

export interface SshLink {
  /** `fresh`: connected for this call, so that what fails on it now did not fail of age. */
  client(): Promise<{ readonly client: Client; readonly fresh: boolean }>;
  /** This client turned out to be dead. */
  drop(client: Client): void;
  close(): Promise<void>;
}

/** From the first byte to the login. */
const loginLimitMs = 20_000;
const keepaliveMs = 7_000;

const systemKnownHosts = '/etc/ssh/ssh_known_hosts';

function knownHostsFiles(credentials: GitCredentials): readonly string[] {
  return credentials.knownHostsFiles ?? [join(homedir(), '.ssh/known_hosts'), systemKnownHosts];
}

function keyHint(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'ssh-key-unusable') return error;
  const hint =
    'Name a readable key (mode 0600) with PORTOSER_GIT_SSH_KEY_FILE; give PORTOSER_SSH_PASSPHRASE for an encrypted one.';
  return new AppError(error.code, error.message, { cause: error, details: error.details, hint });
}

/** The key that was given as text. SHA-1 signatures, which ssh2 falls back to with old servers, are refused. */
async function keyOfText(text: string, passphrase: string | undefined): Promise<Identities> {
  const { default: ssh2 } = await import('ssh2');
  const key = ssh2.utils.parseKey(text.endsWith('\n') ? text : `${text}\n`, passphrase);
  if (key instanceof Error)
    throw new AppError('ssh-key-unusable', `the deploy key cannot be used: ${key.message}`, { cause: key });
  if (!key.isPrivateKey()) throw new AppError('ssh-key-unusable', 'the deploy key is no private key');
  const sign = key.sign.bind(key);
  key.sign = (bytes, hash) =>
    hash === 'sha1' ? (new Error('SHA-1 signatures are refused') as never) : sign(bytes, hash);
  // ssh2 takes a parsed key here; its declarations know only text.
  const methods = (username: string): AnyAuthMethod[] => [
    { type: 'publickey', username, key: key as unknown as string },
  ];
  return { methods, names: ['the deploy key'] };
}

type FindIdentities = () => Promise<Identities>;

/** Keys are opened once: an encrypted one costs 0.4 s of blocked event loop. */
function identitiesOf(credentials: GitCredentials): FindIdentities {
  const { sshKey, sshKeyPath, sshPassphrase, sshAgent } = credentials;
  if (sshKey !== undefined && sshKey !== '') {
    let opened: Promise<Identities> | undefined;
    return () => (opened ??= keyOfText(sshKey, sshPassphrase));
  }
  const keyring = createKeyring({
    home: homedir(),
    ...(sshPassphrase === undefined ? {} : { passphrase: sshPassphrase }),
    ...(sshAgent === undefined ? {} : { agentSocket: sshAgent }),
  });
  return () => keyring(sshKeyPath);
}

function hostKeyError(address: SshAddress, verdict: Exclude<HostKeyVerdict, 'trusted'>, key: Buffer): AppError {
  const print = `${keyType(key) ?? 'key'} ${fingerprint(key)}`;
  const details = {
    address: address.shown,
    host: address.host,
    port: address.port,
    fingerprint: fingerprint(key),
    verdict,
  };
  const scan = `ssh-keyscan -p ${address.port} ${address.host}`;
  switch (verdict) {
    case 'unknown':
      return new AppError('ssh-host-key-unknown', `${address.shown} shows a host key that is not known: ${print}`, {
        details,
        hint: `Compare the fingerprint with the one that the server's owner publishes, then add the key to known_hosts: ${scan} >> ~/.ssh/known_hosts (or to the file that PORTOSER_KNOWN_HOSTS names).`,
      });
    case 'changed':
      return new AppError(
        'ssh-host-key-changed',
        `${address.shown} shows another host key than the known one: ${print}`,
        {
          details,
          hint: `Somebody may be listening in. If the server's owner says that the key was changed, remove the old one from known_hosts (ssh-keygen -R) and add the new one (${scan}).`,
        },
      );
    case 'revoked':
      return new AppError(
        'ssh-host-key-changed',
        `${address.shown} shows a host key that known_hosts revokes: ${print}`,
        {
          details,
          hint: 'Its private key is known to strangers; ask the owner of the server.',
        },
      );
    default:
      return verdict satisfies never;
  }
}

interface SshFault extends Error {
  readonly level?: string;
  readonly code?: string | number;
}

function connectError(
  address: SshAddress,
  purpose: Purpose,
  fault: SshFault,
  authenticating: boolean,
  identities: Identities,
): AppError {
  const refused = fault.level === 'client-authentication' || (authenticating && typeof fault.code === 'number');
  if (refused)
    return authError(address.shown, purpose, `it refused the login with ${identities.names.join(', ')}`, fault);
  if (fault.level === 'client-timeout')
    return unreachable(address.shown, fault, { why: 'it did not finish the SSH handshake in time' });
  if (fault.level === 'handshake')
    return unreachable(address.shown, fault, { why: `the SSH handshake failed (${fault.message})` });
  return unreachable(address.shown, fault);
}

async function connect(
  address: SshAddress,
  credentials: GitCredentials,
  purpose: Purpose,
  find: FindIdentities,
): Promise<Client> {
  const [known, identities, { default: ssh2 }] = await Promise.all([
    loadKnownHosts(knownHostsFiles(credentials)),
    find(),
    import('ssh2'),
  ]);
  const client = new ssh2.Client();
  const user = address.user ?? credentials.username ?? 'git';
  let refusedKey: AppError | undefined;
  const config: ConnectConfig = {
    host: address.host,
    port: address.port,
    username: user,
    authHandler: identities.methods(user),
    algorithms: offer(keyTypesFor(known, address.host, address.port)),
    hostVerifier: (key: Buffer) => {
      const verdict = judgeHostKey(known, address.host, address.port, key);
      if (verdict !== 'trusted') refusedKey = hostKeyError(address, verdict, key);
      return verdict === 'trusted';
    },
    readyTimeout: loginLimitMs,
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: 3,
  };
  return await new Promise((resolve, reject) => {
    let authenticating = false;
    const fail = (fault: SshFault): void => {
      // An agent that fails leaves the other ways to log in.
      if (fault.level === 'agent') return;
      client.destroy();
      reject(refusedKey ?? connectError(address, purpose, fault, authenticating, identities));
    };
    client.on('error', fail);
    client.once('close', () => fail(Object.assign(new Error('it closed the connection'), { code: 'ECONNRESET' })));
    client.once('handshake', () => (authenticating = true));
    client.once('ready', () => {
      client.off('error', fail);
      // Whatever runs on it sees its channel end; the next operation connects anew.
      client.on('error', () => client.destroy());
      // Without it every exchange pays 40 ms of Nagle.
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect(config);
  });
}

/** Nothing is connected before it is asked for. Connecting throws `git-unreachable`, `git-auth`, `ssh-host-key-*`, `ssh-key-unusable`. */
export function openLink(address: SshAddress, credentials: GitCredentials, purpose: Purpose): SshLink {
  const find = identitiesOf(credentials);
  let connecting: Promise<Client> | undefined;

  // Another operation may have connected anew already; that connection is left alone.
  const forget = (dead: Promise<Client>): void => {
    if (connecting === dead) connecting = undefined;
  };
  const madeBy = new WeakMap<Client, Promise<Client>>();

  async function client(): Promise<{ client: Client; fresh: boolean }> {
    const fresh = connecting === undefined;
    const mine = (connecting ??= connect(address, credentials, purpose, find));
    try {
      const ready = await mine;
      madeBy.set(ready, mine);
      if (fresh) ready.once('close', () => forget(mine));
      return { client: ready, fresh };
    } catch (error) {
      forget(mine);
      throw keyHint(error);
    }
  }

  function drop(dead: Client): void {
    const by = madeBy.get(dead);
    if (by !== undefined) forget(by);
    dead.destroy();
  }

  async function close(): Promise<void> {
    if (connecting === undefined) return;
    const [last] = await Promise.allSettled([connecting]);
    if (last.status === 'fulfilled') last.value.end();
  }

  return { client, drop, close };
}
