// The secrets that webhooks may be signed with: a list, so that one can be rotated; none of them may be guessed.
import { AppError } from '../../schema/errors.js';
import type { Setting } from '../../schema/settings.js';

export const shortest = 16;

/** What people write where a secret should stand, in examples and in a hurry. */
const everybodys =
  /change[-_ ]?me|replace|default|example|password|passw0rd|webhooks?|secrets?|tokens?|portoser|gitlab|github|gitea|forgejo|bitbucket|hooks?|super|your|test|here|please|admin|12345678|87654321|0123|4567|89ab|cdef|abcd|qwert[yz]?|asdf/gi;
const leastRemaining = 8;
const leastDifferent = 6;

/** Undefined: it will do. The secret itself is never told. */
function faultOf(secret: string): string | undefined {
  if (secret === '') return 'is empty';
  if (secret.length < shortest) return `has ${secret.length} characters, and ${shortest} are the least`;
  const remaining = secret.replaceAll(everybodys, '').replaceAll(/[^a-z0-9+/=]/gi, '');
  if (remaining.length < leastRemaining || new Set(secret).size < leastDifferent)
    return 'is made of words that everybody tries first';
  if (secret.startsWith('whsec_') && Buffer.from(secret.slice('whsec_'.length), 'base64').length < shortest)
    return `holds a key of less than ${shortest} bytes`;
  return undefined;
}

/** Between commas or on lines of their own. Not set: none. Throws `webhook-secret`. */
export function readSecrets({ value, where }: Setting): readonly string[] {
  if (value === undefined) return [];
  const secrets = value.trim().split(/\s*[,\n]\s*/);
  for (const [index, secret] of secrets.entries()) {
    const fault = faultOf(secret);
    const which = secrets.length === 1 ? where : `number ${index + 1} of ${where}`;
    if (fault !== undefined) throw new AppError('webhook-secret', `${which} ${fault}`);
  }
  return secrets;
}
