// Reads known_hosts files in all their forms (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") and judges host keys by them.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '../../schema/errors.js';

/** `unknown`: nobody told us anything about this host. `changed`: other keys than this one are known for it. */
export type HostKeyVerdict = 'trusted' | 'unknown' | 'changed' | 'revoked';

interface KnownKey {
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  readonly matches: (name: string) => boolean;
  readonly type: string;
  readonly key: Buffer;
}

/** A line that says nothing we understand; it neither trusts nor forbids. */
export interface IgnoredLine {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly why: 'marker' | 'fields' | 'names' | 'key';
}

export interface KnownHosts {
  readonly keys: readonly KnownKey[];
  readonly ignored: readonly IgnoredLine[];
}

/** `SHA256:…` as OpenSSH prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key blob names itself (RFC 4253 6.6), or undefined for what is no key blob. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 5) return undefined;
  const length = key.readUInt32BE(0);
  return length > 0 && key.length > 4 + length ? key.toString('latin1', 4, 4 + length) : undefined;
}

/** Reads the files; those that are not there are skipped. Throws `settings-invalid` for one that cannot be read. */
export async function loadKnownHosts(paths: readonly string[]): Promise<KnownHosts> {
  const files = await Promise.all(paths.map(async path => parseKnownHosts(await readIfThere(path), path)));
  return { keys: files.flatMap(one => one.keys), ignored: files.flatMap(one => one.ignored) };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    // Going on without it could overlook a revoked key.
    throw new AppError('settings-invalid', `known_hosts file ${path} cannot be read`, { cause: error });
  }
}

/** One file's text. Lines that cannot be understood are left out and listed. */
export function parseKnownHosts(content: string, file: string): KnownHosts {
  const keys: KnownKey[] = [];
  const ignored: IgnoredLine[] = [];
  for (const [index, raw] of content.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') ignored.push({ file, line: index + 1, why: parsed });
    else keys.push(parsed);
  }
  return { keys, ignored };
}

const markers = { '@revoked': 'revoked', '@cert-authority': 'cert-authority' } as const;

function parseLine(line: string): KnownKey | IgnoredLine['why'] {
  const fields = line.split(/[ \t]+/);
  const first = fields[0] ?? '';
  if (first.startsWith('@') && !(first in markers)) return 'marker';
  const marker = first.startsWith('@') ? markers[first as keyof typeof markers] : 'none';
  const [names, type, base64] = marker === 'none' ? fields : fields.slice(1);
  if (names === undefined || type === undefined || base64 === undefined) return 'fields';
  const matches = nameMatcher(names);
  if (matches === undefined) return 'names';
  const key = Buffer.from(base64, 'base64');
  const clean = base64.replace(/=+$/, '') === key.toString('base64').replace(/=+$/, '');
  return clean && keyType(key) === type ? { marker, matches, type, key } : 'key';
}

function nameMatcher(names: string): ((name: string) => boolean) | undefined {
  return names.startsWith('|') ? hashedMatcher(names) : patternsMatcher(names.split(','));
}

/** `|1|salt|hash`, where hash = HMAC-SHA1(salt, name); one name a line, no negation. */
function hashedMatcher(text: string): ((name: string) => boolean) | undefined {
  const [, version, salt, hash] = text.split('|');
  if (version !== '1' || !salt || !hash) return undefined;
  const wanted = Buffer.from(hash, 'base64');
  if (wanted.length !== 20) return undefined;
  return name => timingSafeEqual(createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest(), wanted);
}

/** Any pattern must match and no negated one may: ssh_config(5), PATTERNS. */
function patternsMatcher(patterns: readonly string[]): ((name: string) => boolean) | undefined {
  if (patterns.some(pattern => pattern.replace(/^!/, '') === '')) return undefined;
  const negated = patterns.filter(one => one.startsWith('!')).map(one => globExpression(one.slice(1)));
  const wanted = patterns.filter(one => !one.startsWith('!')).map(globExpression);
  return name => wanted.some(one => one.test(name)) && !negated.some(one => one.test(name));
}

function globExpression(pattern: string): RegExp {
  const escaped = pattern.toLowerCase().replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  // Runs of stars are folded: many of them in a row would make the match slow.
  return new RegExp(`^${escaped.replaceAll(/\*+/g, '.*').replaceAll('?', '.')}$`);
}

/** The name that OpenSSH looks up: the bare host for port 22, else `[host]:port`. */
function lookupName(host: string, port: number): string {
  const lower = host.toLowerCase();
  return port === 22 ? lower : `[${lower}]:${port}`;
}

const sameKey = (a: Buffer, b: Buffer): boolean => a.length > 0 && a.length === b.length && timingSafeEqual(a, b);

/**
 * What the files say of this key of `host:port`. As in OpenSSH, a key that stands under the bare host name is also good for
 * another port, but its absence there proves nothing. A `@cert-authority` line never trusts a plain key: ssh2 speaks no
 * certificates, so such a host is unknown until a plain key is listed.
 */
export function judgeHostKey(known: KnownHosts, host: string, port: number, key: Buffer): HostKeyVerdict {
  const exact = known.keys.filter(one => one.matches(lookupName(host, port)));
  const bare = known.keys.filter(one => one.matches(lookupName(host, 22)));
  const holds = (list: readonly KnownKey[], marker: KnownKey['marker']): boolean =>
    list.some(one => one.marker === marker && sameKey(one.key, key));
  if (holds([...exact, ...bare], 'revoked')) return 'revoked';
  if (holds(exact, 'none')) return 'trusted';
  if (exact.some(one => one.marker === 'none')) return 'changed';
  return holds(bare, 'none') ? 'trusted' : 'unknown';
}

/** Judges by pinned keys alone (`ssh-ed25519 AAAA… [comment]` each). */
export function judgePinned(pins: readonly string[], key: Buffer): HostKeyVerdict {
  return pins.some(pin => sameKey(pinnedKey(pin), key)) ? 'trusted' : 'changed';
}

/** The blob of a pinned key; an empty one, which equals nothing, when the text holds none. */
function pinnedKey(pin: string): Buffer {
  return Buffer.from(pin.trim().split(/\s+/)[1] ?? '', 'base64');
}

/** Host key algorithms of the pinned keys, for the front of `algorithms.serverHostKey`. */
export function keyTypesOfPins(pins: readonly string[]): string[] {
  return signatureAlgorithms(pins.map(pin => pin.trim().split(/\s+/)[0] ?? ''));
}

/**
 * Host key algorithms of the keys known for this host, to be put first in `algorithms.serverHostKey`: a server with several
 * keys shows the one asked for first. RSA keys are named by their SHA-2 signatures (RFC 8332).
 */
export function keyTypesFor(known: KnownHosts, host: string, port: number): string[] {
  const named = (name: string): string[] =>
    known.keys.filter(one => one.marker === 'none' && one.matches(name)).map(one => one.type);
  const exact = named(lookupName(host, port));
  return signatureAlgorithms(exact.length > 0 ? exact : named(lookupName(host, 22)));
}

function signatureAlgorithms(types: readonly string[]): string[] {
  return [...new Set(types.flatMap(type => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type])))];
}
