// The body of a webhook as data: nothing is parsed that is deeper or has more parts than any forge sends.
import { AppError } from '../../schema/errors.js';

/** JSON as it came. */
export type Payload = unknown;

/** Forges nest a dozen levels. */
const deepest = 64;
/** Longer lists are those of commits, and longer texts those of their messages, which nobody reads here. */
const longestPart = 16 * 1024;
/** What is left then has some hundred parts; of `{},{},` it could have a hundred thousand. */
const mostParts = 20_000;

const unread = (message: string, cause?: unknown): AppError =>
  new AppError('webhook-unread', message, cause === undefined ? {} : { cause });

const [quote, backslash, comma, open, close, openList, closeList] = Buffer.from('"\\,{}[]');

/** A piece of the text that is left out. */
interface Cut {
  readonly from: number;
  readonly to: number;
}

/** A list or object that is open. */
interface Open {
  readonly from: number;
  /** Bytes of it that are left out. */
  removed: number;
  parts: number;
}

/** The end of a text that begins before `at`. */
function afterText(text: Buffer, at: number): number {
  let end = at;
  while (end < text.length && text[end] !== quote) end += text[end] === backslash ? 2 : 1;
  return end;
}

/**
 * By bytes, before anything is made of them (in UTF-8 none of these is part of another character): what has more levels or parts than
 * any forge sends is refused, and long lists and texts are emptied, so that a body of a megabyte is parsed as one of some kilobytes.
 */
function tame(text: Buffer): Buffer {
  const cuts: Cut[] = [];
  const stack: Open[] = [{ from: 0, removed: 0, parts: 0 }];
  const shut = (at: number, isList: boolean): void => {
    const [inner, outer] = [stack.pop(), stack.at(-1)];
    if (inner === undefined || outer === undefined) throw unread('its body is no JSON');
    const length = at - inner.from;
    const isCut = isList && length - inner.removed > longestPart;
    if (isCut) {
      while ((cuts.at(-1)?.from ?? -1) > inner.from) cuts.pop();
      cuts.push({ from: inner.from + 1, to: at });
    }
    outer.removed += isCut ? length - 1 : inner.removed;
    outer.parts += isCut ? 1 : inner.parts + 1;
  };
  const leaveText = (from: number): number => {
    const to = afterText(text, from);
    if (to - from > longestPart && to < text.length) {
      cuts.push({ from, to });
      (stack.at(-1) as Open).removed += to - from;
    }
    return to;
  };
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at];
    if (byte === quote) at = leaveText(at + 1);
    else if (byte === open || byte === openList) {
      stack.push({ from: at, removed: 0, parts: 0 });
      if (stack.length > deepest + 1) throw unread(`it is nested deeper than ${deepest} levels`);
    } else if (byte === close || byte === closeList) shut(at, byte === closeList);
    else if (byte === comma) (stack.at(-1) as Open).parts += 1;
  }
  const [whole, ...unclosed] = stack;
  if (unclosed.length > 0) throw unread('its body is no JSON');
  if ((whole?.parts ?? 0) > mostParts) throw unread(`it has more than ${mostParts} parts`);
  return without(text, cuts);
}

function without(text: Buffer, cuts: readonly Cut[]): Buffer {
  if (cuts.length === 0) return text;
  const starts = [0, ...cuts.map(cut => cut.to)];
  return Buffer.concat(starts.map((from, index) => text.subarray(from, cuts[index]?.from)));
}

/** `contentType`: JSON, or a form with the member `payload`, which some forges offer. Throws `webhook-unread`. */
export function readPayload(body: Buffer, contentType = ''): Payload {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(contentType);
  const text = isForm ? Buffer.from(new URLSearchParams(body.toString('utf8')).get('payload') ?? '') : body;
  const tamed = tame(text);
  try {
    return JSON.parse(tamed.toString('utf8'));
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
  // oxlint-disable-next-line no-control-regex -- names are shown in one line
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
