// The body of a webhook as data: nothing is parsed that is deeper or has more parts than any forge sends.
import { AppError } from '../../schema/errors.js';

/** JSON as it came. */
export type Payload = unknown;

/** Forges nest a dozen levels. A megabyte of theirs has some 30,000 parts; of `[[[[` it would have a million. */
const deepest = 64;
const mostParts = 100_000;

const unread = (message: string, cause?: unknown): AppError =>
  new AppError('webhook-unread', message, cause === undefined ? {} : { cause });

const [quote, backslash, comma, open, close, openList, closeList] = Buffer.from('"\\,{}[]');

/** Counts by bytes, before anything is made of them: in UTF-8 none of these is part of another character. */
function refuseWild(text: Buffer): void {
  let [depth, parts, inText] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at];
    if (inText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === open || byte === openList) {
      depth += 1;
      parts += 1;
      if (depth > deepest) throw unread(`it is nested deeper than ${deepest} levels`);
    } else if (byte === close || byte === closeList) depth -= 1;
    else if (byte === comma) parts += 1;
  }
  if (parts > mostParts) throw unread(`it has more than ${mostParts} parts`);
}

/** `contentType`: JSON, or a form with the member `payload`, which some forges offer. Throws `webhook-unread`. */
export function readPayload(body: Buffer, contentType = ''): Payload {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(contentType);
  const text = isForm ? Buffer.from(new URLSearchParams(body.toString('utf8')).get('payload') ?? '') : body;
  refuseWild(text);
  try {
    return JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw unread('its body is no JSON', cause);
  }
}

/** What stands there; undefined for what is not, whatever stands on the way. */
export function at(payload: Payload, ...path: readonly string[]): unknown {
  let found = payload;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

export const listAt = (payload: Payload, ...path: readonly string[]): readonly unknown[] => {
  const found = at(payload, ...path);
  return Array.isArray(found) ? found : [];
};

/** Nothing that a forge calls by name is longer. */
const longest = 500;

export function textAt(payload: Payload, ...path: readonly string[]): string | undefined {
  const found = at(payload, ...path);
  // eslint-disable-next-line no-control-regex
  return typeof found === 'string' && found !== '' && found.length <= longest && !/[\0-\x1f\x7f]/.test(found)
    ? found
    : undefined;
}

export function numberAt(payload: Payload, ...path: readonly string[]): { readonly number?: number } {
  const found = at(payload, ...path);
  return Number.isSafeInteger(found) && (found as number) > 0 ? { number: found as number } : {};
}

/** `refs/heads/main` → `main`; tags and others are no branches. */
export function branchOf(ref: string | undefined): readonly string[] {
  return ref?.startsWith('refs/heads/') ? [ref.slice('refs/heads/'.length)] : [];
}

/** Under these names forges give addresses of a repository, the one for people first. */
const addressNames = [
  'html_url',
  'web_url',
  'clone_url',
  'git_http_url',
  'http_url',
  'ssh_url',
  'git_ssh_url',
  'git_url',
  'url',
  'homepage',
  'full_name',
  'path_with_namespace',
];

export function repositoryNames(repository: Payload): readonly string[] {
  const links = [textAt(repository, 'links', 'html', 'href')];
  const clones = listAt(repository, 'links', 'clone').map(one => textAt(one, 'href'));
  const found = [...addressNames.map(name => textAt(repository, name)), ...links, ...clones.slice(0, 4)];
  return [...new Set(found.filter(one => one !== undefined))];
}
