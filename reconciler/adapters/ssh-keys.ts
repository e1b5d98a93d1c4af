// Finds and opens the private keys that a machine is logged in with; the agent comes last.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyAuthMethod, BaseAgent, ParsedKey } from 'ssh2';
import { AppError } from '../../schema/errors.js';

export interface KeySettings {
  /** For `~` and the default keys. */
  readonly home: string;
  readonly passphrase?: string;
  /** Socket of an ssh-agent. */
  readonly agentSocket?: string;
}

/** What to log in with, in order. */
export interface Identities {
  readonly methods: (user: string) => AnyAuthMethod[];
  /** The same, for people. */
  readonly names: readonly string[];
}

interface Unusable {
  readonly path: string;
  readonly why: 'absent' | 'unreadable' | 'readable by others' | 'encrypted' | 'wrong passphrase' | 'not a private key';
}
type Opened = { readonly path: string; readonly key: ParsedKey } | Unusable;

const defaultKeys = ['~/.ssh/id_ed25519', '~/.ssh/id_rsa'];

/** `~` and `~/…` with this home folder. */
export function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path;
}

/**
 * Answers a machine's identities by its `ssh_key`, as written. The last text of each opened key is kept: an encrypted one costs 0.4 s of
 * blocked event loop (bcrypt). Throws `ssh-key-unusable` when there is nothing to log in with.
 */
export function createKeyring(settings: KeySettings): (sshKey: string | undefined) => Promise<Identities> {
  const kept = new Map<string, { readonly file: string; readonly opened: Promise<Opened> }>();

  async function openKey(written: string): Promise<Opened> {
    const path = expandHome(written, settings.home);
    const file = await readKeyFile(path);
    if (typeof file !== 'string') return file;
    const known = kept.get(path);
    const opened = known?.file === file ? known.opened : parseKey(path, file, settings.passphrase);
    kept.set(path, { file, opened });
    return opened;
  }

  return async sshKey => {
    const opened = await Promise.all((sshKey === undefined ? defaultKeys : [sshKey]).map(openKey));
    const keys = opened.flatMap(one => ('key' in one ? [one] : []));
    const unusable = opened.flatMap(one => ('why' in one && one.why !== 'absent' ? [one] : []));
    // An encrypted key without its passphrase may well lie opened in the agent.
    const askAgent = sshKey === undefined || unusable.some(one => one.why === 'encrypted');
    const agentSocket = askAgent ? settings.agentSocket : undefined;
    if (keys.length === 0 && agentSocket === undefined) throw noKey(opened);
    const agent = agentSocket === undefined ? undefined : await openAgent(agentSocket);
    const names = [...keys.map(one => one.path), ...(agent === undefined ? [] : ['the agent'])];
    return { names, methods: user => authMethods(user, keys, agent) };
  };
}

function authMethods(
  user: string,
  keys: readonly { readonly key: ParsedKey }[],
  agent: BaseAgent | undefined,
): AnyAuthMethod[] {
  const byKey = keys.map(one => ({ type: 'publickey' as const, username: user, key: one.key as unknown as string }));
  return agent === undefined ? byKey : [...byKey, { type: 'agent', username: user, agent }];
}

function noKey(opened: readonly Opened[]): AppError {
  const reasons = opened.flatMap(one => ('why' in one ? [`${one.path}: ${one.why}`] : []));
  return new AppError('ssh-key-unusable', `no usable private key (${reasons.join('; ')}), and no agent`, {
    details: { keys: reasons.join('; ') },
  });
}

async function readKeyFile(path: string): Promise<string | Unusable> {
  try {
    await using file = await open(path, 'r');
    const { mode } = await file.stat();
    return (mode & 0o077) === 0 ? await file.readFile('utf8') : { path, why: 'readable by others' };
  } catch (error) {
    return { path, why: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'unreadable' };
  }
}

async function parseKey(path: string, text: string, passphrase: string | undefined): Promise<Opened> {
  const { default: ssh2 } = await import('ssh2');
  const encrypted = isEncrypted(text);
  if (encrypted && (passphrase ?? '') === '') return { path, why: 'encrypted' };
  const key = ssh2.utils.parseKey(text, encrypted ? passphrase : undefined);
  if (key instanceof Error) return { path, why: encrypted ? 'wrong passphrase' : 'not a private key' };
  return key.isPrivateKey() ? { path, key: refuseSha1(key) } : { path, why: 'not a private key' };
}

/** By the format, not by the parser's message: PEM headers (RFC 1421), or the cipher's name in openssh-key-v1 (PROTOCOL.key). */
function isEncrypted(text: string): boolean {
  if (/^Proc-Type: 4,ENCRYPTED|^-----BEGIN ENCRYPTED /m.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(text)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.length < magic.length + 8 || bytes.toString('latin1', 0, magic.length) !== magic) return false;
  const length = bytes.readUInt32BE(magic.length);
  return bytes.toString('latin1', magic.length + 4, magic.length + 4 + length) !== 'none';
}

/** ssh2 falls back to SHA-1 signatures of RSA keys with servers that name no others; we do not. */
function refuseSha1(key: ParsedKey): ParsedKey {
  const sign = key.sign.bind(key);
  return Object.assign(key, {
    sign: (bytes: Buffer, hash?: string) =>
      hash === 'sha1' ? new Error('SHA-1 signatures are refused') : sign(bytes, hash),
  });
}

type SignWithAgent = (key: Buffer, bytes: Buffer, options: { hash?: string }, done: (error: Error) => void) => void;

async function openAgent(socket: string): Promise<BaseAgent> {
  const { default: ssh2 } = await import('ssh2');
  const agent = new ssh2.OpenSSHAgent(socket);
  const sign = agent.sign.bind(agent) as SignWithAgent;
  const signWithoutSha1: SignWithAgent = (key, bytes, options, done) =>
    options.hash === 'sha1' ? done(new Error('SHA-1 signatures are refused')) : sign(key, bytes, options, done);
  return Object.assign(agent, { sign: signWithoutSha1 });
}
