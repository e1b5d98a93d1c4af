// Reads the address of a repository in every form that git(1) knows and Portoser takes.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../schema/errors.js';
import { isLoopback } from '../../schema/loopback.js';

export type GitAddress =
  /** `shown` is for people, without credentials; `url` is the same, without a trailing slash. */
  | {
      readonly kind: 'http';
      readonly shown: string;
      readonly url: string;
      readonly username?: string;
      readonly password?: string;
    }
  /** `path` as the far side's shell command gets it. */
  | {
      readonly kind: 'ssh';
      readonly shown: string;
      readonly host: string;
      readonly port: number;
      readonly user?: string;
      readonly path: string;
    }
  | { readonly kind: 'local'; readonly shown: string; readonly path: string };

const refuse = (message: string): AppError => new AppError('settings-invalid', message);

/** Throws `settings-invalid` for what no transport of ours speaks. */
export function parseAddress(address: string): GitAddress {
  const text = address.trim();
  if (text === '') throw refuse('the address of the repository is empty');
  if (/^file:\/\//i.test(text)) return local(fileUrlPath(text));
  if (/^https?:\/\//i.test(text)) return parseHttp(text);
  if (/^(git\+)?ssh:\/\//i.test(text)) return parseSshUrl(text.replace(/^git\+/i, ''));
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined) throw refuse(`repositories are not read by ${scheme}://; use https://, ssh:// or a folder`);
  return parseScp(text) ?? local(text);
}

function local(path: string): GitAddress {
  const full = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(path);
  return { kind: 'local', shown: full, path: full };
}

function fileUrlPath(text: string): string {
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw new AppError('settings-invalid', `${text} is not a file address of this machine`, { cause: error });
  }
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    // The text may hold a password, so it is not repeated.
    throw new AppError('settings-invalid', 'the address of the repository is not a valid URL', { cause: error });
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parseHttp(text: string): GitAddress {
  const url = parseUrl(text);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw refuse(
      `http:// is not encrypted and is taken for loopback addresses only; use https://${url.host}${url.pathname}`,
    );
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const shown = url.toString().replace(/\/+$/, '');
  return {
    kind: 'http',
    shown,
    url: shown,
    ...(username === '' ? {} : { username: decode(username) }),
    ...(password === '' ? {} : { password: decode(password) }),
  };
}

/** A path that begins like an option would be taken for one by git's service on the far side. */
function refuseOption(path: string, shown: string): void {
  if (path.startsWith('-')) throw refuse(`${shown} names a path that begins with -`);
}

function parseSshUrl(text: string): GitAddress {
  const url = parseUrl(text);
  const path = decode(url.pathname);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  url.password = '';
  if (host === '' || path === '' || path === '/') throw refuse(`${url.toString()} names no repository`);
  refuseOption(path.slice(1), url.toString());
  return {
    kind: 'ssh',
    shown: url.toString(),
    host: decode(host),
    port: url.port === '' ? 22 : Number(url.port),
    ...(url.username === '' ? {} : { user: decode(url.username) }),
    // git-clone(1): `/~user/…` stands for a folder in that user's home.
    path: path.startsWith('/~') ? path.slice(1) : path,
  };
}

/** git-clone(1): `[user@]host:path`, when no slash stands before the first colon. */
function parseScp(text: string): GitAddress | undefined {
  const found = /^(?:([^/@:]+)@)?(\[[0-9a-f:.]+\]|[^/@:[\]]+):(.+)$/i.exec(text);
  if (found === null) return undefined;
  const [, user, host = '', path = ''] = found;
  refuseOption(path, text);
  return {
    kind: 'ssh',
    shown: text,
    host: host.replace(/^\[|\]$/g, ''),
    port: 22,
    ...(user === undefined ? {} : { user }),
    path,
  };
}
