// Whether a signature was made with one of our secrets: every secret is tried, each in a time that tells nothing.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

function mac(key: string | Buffer, ...parts: readonly (string | Buffer)[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

const same = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);

/** No early end: how long it takes does not tell which one fitted. */
const anyOf = (fits: readonly boolean[]): boolean => fits.includes(true);

/** HMAC-SHA256 of the body in hexadecimal, after `prefix`. */
export function hexFits(written: string, body: Buffer, secrets: readonly string[], prefix = ''): boolean {
  const [, hex = ''] = /^([0-9a-f]{64})$/i.exec(written.startsWith(prefix) ? written.slice(prefix.length) : '') ?? [];
  const given = Buffer.from(hex, 'hex');
  return anyOf(secrets.map(secret => same(mac(secret, body), given)));
}

const pepper = randomBytes(32);

/** The secret itself. Compared by what both hash to, so that its length is not told either. */
export function tokenFits(written: string, secrets: readonly string[]): boolean {
  const given = mac(pepper, Buffer.from(written, 'latin1')); // as Node reads headers
  return anyOf(secrets.map(secret => same(mac(pepper, Buffer.from(secret, 'utf8')), given)));
}

const keyPrefix = 'whsec_';

export interface StandardSignature {
  readonly id: string;
  readonly timestamp: string;
  /** `v1,<base64>`, several with blanks between while keys are rotated. */
  readonly signatures: string;
}

const mostSignatures = 8;

/** The form of https://www.standardwebhooks.com, for secrets `whsec_<base64>`. Times are not judged: a repeated hint does no harm. */
export function standardFits(
  { id, timestamp, signatures }: StandardSignature,
  body: Buffer,
  secrets: readonly string[],
): boolean {
  const given = signatures
    .split(' ', mostSignatures)
    .flatMap(one => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []));
  const keys = secrets
    .filter(one => one.startsWith(keyPrefix))
    .map(one => Buffer.from(one.slice(keyPrefix.length), 'base64'));
  const wanted = keys.map(key => mac(key, `${id}.${timestamp}.`, body));
  return anyOf(wanted.flatMap(one => given.map(other => same(one, other))));
}
