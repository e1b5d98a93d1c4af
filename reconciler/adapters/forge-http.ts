// Asks the API of a forge over HTTP: the token stays with its host, answers are bounded, every failure is one of ours.
import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import { Agent, type Dispatcher, request } from 'undici';
import { AppError } from '../../schema/errors.js';
import { certificates } from './git-http.js';
import { failureCode } from './git-transport.js';

export interface ForgeAddress {
  /** Where the API begins, without a trailing slash: `https://api.github.com`. */
  readonly api: string;
  /** Headers of every request, with the token among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates (PEM, or a file with them) that it may be signed by, beside the usual ones. */
  readonly ca?: string | undefined;
  /** Before the first new try; then ever later. Default 500. */
  readonly firstRetryMs?: number | undefined;
}

export interface ForgeAsk {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT';
  /** Below the API's beginning, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: object;
}

export interface ForgeAnswer {
  readonly status: number;
  readonly json: unknown;
  /** The query of the next page, where there is one. */
  readonly next?: Readonly<Record<string, string>>;
}

export interface ForgeHttp {
  /** Throws for every answer that is no success, but those of `also`. */
  ask(ask: ForgeAsk, also?: readonly number[]): Promise<ForgeAnswer>;
  /** All pages of a list. */
  list(path: string, query: Readonly<Record<string, string | number>>): Promise<readonly unknown[]>;
  /** Does it again where time may help: a forge that is away, or that lags behind what it was told. */
  persist<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const connectLimitMs = 10_000;
const answerLimitMs = 30_000;
const answerLimit = 16 * 1024 * 1024;
const pageLimit = 40;
/** Longer than that nobody waits within one question. */
const patienceMs = 60_000;

function refused(shown: string, status: number, said: string): AppError {
  const hint = status === 404 ? { hint: 'Check the address; forges also say this of what the token may not see.' } : {};
  return new AppError('forge-refused', `${shown} answers HTTP ${status}: ${said || 'no reason was given'}`, {
    details: { status },
    ...hint,
  });
}

/** What a forge says in its error: all three have `message`, GitLab also `error`, and lists by field. */
function reasonOf(json: unknown): string {
  const { message, error } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const said = message ?? error ?? '';
  return (typeof said === 'string' ? said : JSON.stringify(said)).slice(0, 300);
}

const headerOf = (headers: Dispatcher.ResponseData['headers'], name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** RFC 9110: seconds, or a date. GitHub and Gitea count to `x-ratelimit-reset`, GitLab to `ratelimit-reset`, in seconds since 1970. */
function waitOf(headers: Dispatcher.ResponseData['headers'], now: number): number | undefined {
  const after = headerOf(headers, 'retry-after');
  if (after !== undefined) return /^\d+$/.test(after) ? Number(after) * 1000 : Math.max(0, Date.parse(after) - now);
  const reset = headerOf(headers, 'x-ratelimit-reset') ?? headerOf(headers, 'ratelimit-reset');
  return reset === undefined ? undefined : Math.max(0, Number(reset) * 1000 - now);
}

function limited(shown: string, waitMs: number | undefined): AppError {
  const until = waitMs === undefined ? '' : `; it says to wait ${Math.ceil(waitMs / 1000)} s`;
  return new AppError('forge-limit', `${shown} was asked too often${until}`, {
    details: { waitMs: waitMs ?? null },
  });
}

function isLimit(status: number, headers: Dispatcher.ResponseData['headers']): boolean {
  if (status === 429) return true;
  // GitHub says 403 too; that the token may not do it has neither header.
  const used = headerOf(headers, 'x-ratelimit-remaining') === '0' || headerOf(headers, 'retry-after') !== undefined;
  return status === 403 && used;
}

/** The part in `<…>; rel="next"` (RFC 8288). Only its query counts: a forge may know itself by another address than we. */
function nextOf(link: string | undefined): Readonly<Record<string, string>> | undefined {
  const url = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1];
  const at = url?.indexOf('?') ?? -1;
  return url === undefined || at < 0 ? undefined : Object.fromEntries(new URLSearchParams(url.slice(at + 1)));
}

async function readBody(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > answerLimit) throw new Error(`the answer is longer than ${answerLimit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(shown: string, text: string, status: number): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // An error page of something in between is told by its status.
    if (status >= 400) return undefined;
    throw new AppError('forge-unreachable', `${shown} does not answer as its API does`, { cause });
  }
}

/** A failure of undici's may hold the request, and so the token: only its code and message go on. */
function lost(shown: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const code = failureCode(thrown);
  const why = code ?? (thrown instanceof Error ? thrown.message : 'no reason was given');
  return new AppError('forge-unreachable', `${shown} cannot be reached: ${why}`, { details: { code: code ?? null } });
}

export async function openForgeHttp(address: ForgeAddress, now: () => number = Date.now): Promise<ForgeHttp> {
  const list = await certificates(address.ca);
  const connect = { timeout: connectLimitMs, ...(list === undefined ? {} : { ca: [...list] }) };
  const agent = new Agent({ connect, headersTimeout: answerLimitMs, bodyTimeout: answerLimitMs, connections: 4 });
  const headers = { accept: 'application/json', 'user-agent': 'portoser', ...address.headers };

  async function send({ method, path, query, body }: ForgeAsk): Promise<Dispatcher.ResponseData & { text: string }> {
    const words = new URLSearchParams(
      Object.entries(query ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const answer = await request(`${address.api}${path}${words.size === 0 ? '' : `?${words.toString()}`}`, {
      method,
      dispatcher: agent,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(2 * answerLimitMs),
    });
    return { ...answer, text: await readBody(answer.body) };
  }

  async function ask(asked: ForgeAsk, also: readonly number[] = []): Promise<ForgeAnswer> {
    const shown = `${asked.method} ${address.api}${asked.path}`;
    const {
      statusCode: status,
      headers: said,
      text,
    } = await send(asked).catch((thrown: unknown) => {
      throw lost(shown, thrown);
    });
    const json = parseJson(shown, text, status);
    if (isLimit(status, said)) throw limited(shown, waitOf(said, now()));
    if (status >= 500)
      throw new AppError('forge-unreachable', `${shown} answers HTTP ${status}`, { details: { status } });
    // A redirect would take the token somewhere else.
    if ((status < 200 || status > 299) && !also.includes(status)) throw refused(shown, status, reasonOf(json));
    const next = nextOf(headerOf(said, 'link'));
    return { status, json, ...(next === undefined ? {} : { next }) };
  }

  async function all(path: string, query: Readonly<Record<string, string | number>>): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    let page: Readonly<Record<string, string | number>> | undefined = query;
    for (let count = 0; page !== undefined && count < pageLimit; count += 1) {
      const { json, next } = await ask({ method: 'GET', path, query: page });
      if (!Array.isArray(json))
        throw new AppError('forge-unreachable', `${address.api}${path} answers with no list`, { details: { path } });
      found.push(...(json as readonly unknown[]));
      page = next === undefined ? undefined : { ...query, ...next };
    }
    return found;
  }

  return {
    ask,
    list: all,
    persist: async work =>
      await pRetry(work, {
        retries: 4,
        minTimeout: address.firstRetryMs ?? 500,
        maxTimeout: 16 * (address.firstRetryMs ?? 500),
        randomize: true,
        shouldRetry: ({ error }) => error instanceof AppError && error.retry === 'backoff' && waitable(error),
        onFailedAttempt: async ({ error }) => {
          const waitMs = error instanceof AppError ? error.details['waitMs'] : undefined;
          if (typeof waitMs === 'number' && waitMs <= patienceMs) await sleep(waitMs);
        },
      }),
    close: async () => {
      await agent.destroy();
    },
  };
}

/** Who is to wait longer comes again later. */
function waitable(error: AppError): boolean {
  const { waitMs } = error.details;
  return typeof waitMs !== 'number' || waitMs <= patienceMs;
}
