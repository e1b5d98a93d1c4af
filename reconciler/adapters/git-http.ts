// Reaches repositories over https with undici: own certificates, time limits, and credentials that stay with their host.
import { readFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { rootCertificates } from 'node:tls';
import type { GitHttpRequest, GitHttpResponse } from 'isomorphic-git';
import { Agent, type Dispatcher, request } from 'undici';
import { AppError } from '../../schema/errors.js';
import type { GitAddress } from './git-address.js';
import { type GitCredentials, type GitSettings, writeCredentials } from './git-settings.js';
import {
  connectLimitMs,
  failureCode,
  type GitService,
  type GitTransport,
  operationLimitMs,
  readAlong,
  silenceLimitMs,
  type Spoken,
  unreachable,
  within,
} from './git-transport.js';

type HttpAddress = Extract<GitAddress, { kind: 'http' }>;

const redirectLimit = 5;
/** Names of branches and tags; a list that is longer is no list of refs. */
const listingLimit = 64 * 1024 * 1024;
/** Forges answer some clients differently; those whose name begins with `git/` are taken for git. */
const userAgent = 'git/2.40 (portoser)';

/** The usual authorities and one's own. Throws `settings-invalid` for a file that cannot be read. */
export async function certificates(ca: string | undefined): Promise<readonly string[] | undefined> {
  if (ca === undefined || ca === '') return undefined;
  if (ca.includes('-----BEGIN')) return [...rootCertificates, ca];
  try {
    return [...rootCertificates, await readFile(ca, 'utf8')];
  } catch (error) {
    throw new AppError('settings-invalid', `the certificates in ${ca} cannot be read`, { cause: error });
  }
}

/** Basic, because every forge takes a token as the password; the name counts for few of them. */
function authorization(address: HttpAddress, credentials: GitCredentials): string | undefined {
  const password = credentials.token ?? address.password;
  const username = credentials.username ?? address.username ?? (password === undefined ? undefined : 'x-access-token');
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

const certificateCode = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|HOSTNAME_MISMATCH|INVALID_CA)/;

function failed(shown: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = failureCode(error) ?? '';
  if (!certificateCode.test(code)) return unreachable(shown, error);
  const hint = 'Give the certificate of the authority that signed it with PORTOSER_GIT_CA, or correct the host name.';
  return unreachable(shown, error, { why: `its certificate is not trusted (${code})`, hint });
}

async function collect(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new Error(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** The address without the part that the service adds. */
function base(url: string): string {
  return url.replace(/\/(info\/refs(\?.*)?|git-upload-pack|git-receive-pack)$/, '');
}

interface Conversation {
  readonly shown: string;
  readonly dispatcher: Dispatcher;
  readonly authorization: string | undefined;
  readonly spoken: Spoken;
  readonly signal: AbortSignal;
  /** Where a redirect of the first question led to: what follows is asked there, as git does (http.followRedirects=initial). */
  movedTo?: string;
}

async function ask(
  talk: Conversation,
  url: string,
  method: 'GET' | 'POST',
  headers: Record<string, string>,
  body: Buffer | undefined,
): Promise<Dispatcher.ResponseData> {
  // The credentials were given for this host and go to no other.
  const home = new URL(url).origin === new URL(talk.shown).origin;
  const auth = home && talk.authorization !== undefined ? { authorization: talk.authorization } : {};
  return await request(url, {
    method,
    dispatcher: talk.dispatcher,
    headers: { ...headers, ...auth, 'user-agent': userAgent },
    body: body ?? null,
    signal: talk.signal,
  });
}

async function follow(
  talk: Conversation,
  first: string,
  headers: Record<string, string>,
): Promise<{ url: string; answer: Dispatcher.ResponseData }> {
  let url = first;
  for (let count = 0; count <= redirectLimit; count += 1) {
    const answer = await ask(talk, url, 'GET', headers, undefined);
    const location = answer.headers['location'];
    if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== 'string') return { url, answer };
    await answer.body.dump();
    const next = new URL(location, url);
    if (next.protocol !== 'https:' && next.protocol !== new URL(talk.shown).protocol) {
      throw new AppError('git-unreachable', `${talk.shown} redirects to ${next.origin}, which is not encrypted`, {
        details: { address: talk.shown },
      });
    }
    url = next.toString();
  }
  throw new AppError('git-unreachable', `${talk.shown} redirects more than ${redirectLimit} times`, {
    details: { address: talk.shown },
  });
}

async function discover(talk: Conversation, asked: GitHttpRequest): Promise<GitHttpResponse> {
  const { url, answer } = await follow(talk, asked.url, asked.headers ?? {});
  if (url !== asked.url) talk.movedTo = base(url);
  const listing = await collect(answer.body, listingLimit);
  const headers = plainHeaders(answer.headers);
  const isListing = answer.statusCode === 200 && (headers['content-type'] ?? '').startsWith('application/x-git-');
  // isomorphic-git takes a list that was cut short for a short list.
  if (isListing && !endsWithFlush(listing)) throw new Error('the list of branches was cut short');
  return response(asked, answer.statusCode, headers, oneChunk(listing));
}

/** The flush that ends the list, not the one that follows the name of the service (gitprotocol-http). */
function endsWithFlush(listing: Buffer): boolean {
  const intro = /^[0-9a-f]{4}# service=[a-z-]+\n?0000/i.exec(listing.toString('latin1', 0, 64))?.[0].length ?? 0;
  return listing.length >= intro + 4 && listing.toString('latin1', listing.length - 4) === '0000';
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

function response(
  asked: GitHttpRequest,
  statusCode: number,
  headers: Record<string, string>,
  body: AsyncGenerator<Uint8Array>,
): GitHttpResponse {
  return {
    url: asked.url,
    method: asked.method,
    statusCode,
    statusMessage: STATUS_CODES[statusCode] ?? '',
    headers,
    body,
  };
}

async function converse(talk: Conversation, asked: GitHttpRequest): Promise<GitHttpResponse> {
  const service: GitService = asked.url.endsWith('/git-receive-pack') ? 'git-receive-pack' : 'git-upload-pack';
  const url = talk.movedTo === undefined ? asked.url : `${talk.movedTo}/${service}`;
  const sent = await collect(asked.body ?? oneChunk(Buffer.alloc(0)), Number.MAX_SAFE_INTEGER);
  const answer = await ask(talk, url, 'POST', asked.headers ?? {}, sent);
  const body =
    answer.statusCode === 200
      ? readAlong(answer.body, service, talk.shown, talk.spoken)
      : answer.body[Symbol.asyncIterator]();
  return response(asked, answer.statusCode, plainHeaders(answer.headers), body as AsyncGenerator<Uint8Array>);
}

async function openAgent(ca: string | undefined): Promise<Dispatcher> {
  const list = await certificates(ca);
  const connect = { timeout: connectLimitMs, ...(list === undefined ? {} : { ca: [...list] }) };
  return new Agent({ connect, headersTimeout: silenceLimitMs, bodyTimeout: silenceLimitMs, connections: 4 });
}

async function talkOver<T>(
  talk: Conversation,
  work: Parameters<GitTransport['operate']>[1],
  ending: AbortController,
): Promise<T> {
  const request = async (asked: GitHttpRequest): Promise<GitHttpResponse> => {
    try {
      return await (asked.method === 'POST' ? converse(talk, asked) : discover(talk, asked));
    } catch (error) {
      throw failed(talk.shown, error);
    }
  };
  try {
    const working = work({ request }, talk.spoken) as Promise<T>;
    const result = await within(working, operationLimitMs, talk.shown, () => ending.abort());
    if (talk.spoken.failure !== undefined) throw talk.spoken.failure;
    return result;
  } catch (error) {
    throw talk.spoken.failure ?? error;
  } finally {
    // Whatever answer was not read to its end is given up.
    ending.abort();
  }
}

/** Throws `settings-invalid` when the certificates cannot be read. */
export async function openHttpTransport(
  address: HttpAddress,
  credentials: GitSettings['credentials'],
): Promise<GitTransport> {
  const { shown, url } = address;
  const forWriting = writeCredentials(credentials);
  const reader = await openAgent(credentials.ca);
  const writer = forWriting.ca === credentials.ca ? reader : await openAgent(forWriting.ca);
  const sides = {
    read: { dispatcher: reader, authorization: authorization(address, credentials) },
    write: { dispatcher: writer, authorization: authorization(address, forWriting) },
  };
  return {
    url,
    shown,
    operate: (purpose, work) => {
      const ending = new AbortController();
      return talkOver({ shown, ...sides[purpose], spoken: { said: '' }, signal: ending.signal }, work, ending);
    },
    close: async () => {
      await Promise.all([reader.destroy(), writer.destroy()]);
    },
  };
}
