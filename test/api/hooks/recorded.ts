// Deliveries of forges as fixtures: headers and body to the byte. Those of Gitea are recorded from a real one; the others have the
// documented form (named in `from`) with names that are nobody's. What GitHub publishes as examples: hook-examples.test.ts.
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HookHint } from '../../../schema/webhooks.js';

export interface Recorded {
  readonly name: string;
  /** Where it, or its form, comes from. */
  readonly from: string;
  /** As they were sent, without those of the connection; signatures are of `secret`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly hint: HookHint;
}

export const secret = '7d1f0b6c2e9a48535b0e6f7a';
/** A GitLab signing token: 32 bytes in base64. */
export const signingToken = `whsec_${Buffer.from('a key of thirty-two bytes, exact').toString('base64')}`;

export const hex = (body: string | Buffer, key: string | Buffer = secret): string =>
  createHmac('sha256', key).update(body).digest('hex');

const signers: Readonly<Record<string, (body: string) => Readonly<Record<string, string>>>> = {
  github: body => ({ 'x-hub-signature-256': `sha256=${hex(body)}` }),
  forgejo: body => ({ 'x-forgejo-signature': hex(body), 'x-gitea-signature': hex(body) }),
  gitlab: () => ({ 'x-gitlab-token': secret }),
  bitbucket: body => ({ 'x-hub-signature': `sha256=${hex(body)}` }),
  generic: body => ({ 'x-hub-signature-256': `sha256=${hex(body)}` }),
};

interface Written {
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text where it is recorded, with its signature among the headers. */
  readonly body: string | object;
  readonly hint: HookHint;
}

const folder = join(import.meta.dirname, 'deliveries');

function read(file: string): Recorded {
  const { body: written, ...rest } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Written;
  const body = typeof written === 'string' ? written : JSON.stringify(written);
  const signed = typeof written === 'string' ? {} : signers[rest.hint.forge]?.(body);
  const headers = { 'content-type': 'application/json', ...rest.headers, ...signed };
  return { ...rest, name: file.replace(/\.json$/, ''), body, headers };
}

export const recorded: readonly Recorded[] = readdirSync(folder).toSorted().map(read);
