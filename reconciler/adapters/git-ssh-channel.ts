// One channel that runs git-upload-pack or git-receive-pack on the far side (gitprotocol-pack, "SSH Transport").
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import type { Client } from 'ssh2';
import { AppError } from '../../schema/errors.js';
import type { GitAddress } from './git-address.js';
import { authError } from './git-errors.js';
import type { SshLink } from './git-ssh-link.js';
import { type GitService, silenceLimitMs, unreachable, within } from './git-transport.js';

type SshAddress = Extract<GitAddress, { kind: 'ssh' }>;

export interface ServiceChannel {
  readonly service: GitService;
  /** The refs as the service lists them, flush included. */
  readonly advertisement: Buffer;
  /** Sends this and answers what comes back, to the end of the channel. */
  converse(body: Buffer): AsyncGenerator<Uint8Array>;
  /** Ends politely what is still open, and waits for it a moment. */
  end(): Promise<void>;
}

const listingLimit = 64 * 1024 * 1024;
const closeLimitMs = 2_000;
const stderrLimit = 4_096;
/** sshd frees a session a moment after its close came here. */
const openRetryMs: readonly number[] = [5, 20, 80, 320, 1_000];

/** POSIX quoting; git's own services get their path the same way. */
function shellQuote(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

interface Running {
  readonly channel: ClientChannel;
  readonly next: () => Promise<IteratorResult<Uint8Array>>;
  readonly closed: Promise<void>;
  stderr: string;
  /** null: none came, so the connection was lost. */
  code: number | null;
}

function openChannel(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
  });
}

/** A refusal to open a channel carries a number (RFC 4254 5.1); it passes when another one is closed. */
async function openPatiently(client: Client, command: string): Promise<ClientChannel> {
  for (const waitMs of openRetryMs) {
    try {
      return await openChannel(client, command);
    } catch (error) {
      if (typeof (error as { reason?: unknown }).reason !== 'number') throw error;
      await sleep(waitMs);
    }
  }
  return await openChannel(client, command);
}

async function start(client: Client, address: SshAddress, service: GitService): Promise<Running> {
  const channel = await openPatiently(client, `${service} ${shellQuote(address.path)}`);
  const iterator = channel[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const closed = new Promise<void>(resolve => channel.once('close', () => resolve()));
  const running: Running = {
    channel,
    closed,
    next: () => within(iterator.next(), silenceLimitMs, address.shown, () => channel.destroy()),
    stderr: '',
    code: null,
  };
  channel.on('exit', (code: number | null) => (running.code = code ?? -1));
  channel.stderr.on(
    'data',
    (chunk: Buffer) => (running.stderr = (running.stderr + chunk.toString('utf8')).slice(-stderrLimit)),
  );
  channel.on('error', () => channel.destroy());
  return running;
}

/** The length of the listing up to its first flush; undefined: not all of it is here yet. */
function listingEnd(bytes: Buffer, address: SshAddress): number | undefined {
  for (let at = 0; at + 4 <= bytes.length;) {
    const header = bytes.toString('latin1', at, at + 4);
    if (header === '0000') return at + 4;
    if (!/^[0-9a-f]{4}$/i.test(header) || Number.parseInt(header, 16) < 4) {
      const shown = JSON.stringify(bytes.toString('utf8', at, at + 80));
      throw unreachable(address.shown, new Error(`it does not answer as a git server does, but with ${shown}`));
    }
    at += Number.parseInt(header, 16);
  }
  return undefined;
}

/** undefined: the service ended without a listing. */
async function readListing(
  running: Running,
  address: SshAddress,
): Promise<{ listing: Buffer; rest: Buffer } | undefined> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const step = await running.next();
    if (step.done === true) return undefined;
    bytes = Buffer.concat([bytes, step.value]);
    const end = listingEnd(bytes, address);
    if (end !== undefined) return { listing: bytes.subarray(0, end), rest: bytes.subarray(end) };
    if (bytes.length > listingLimit) throw unreachable(address.shown, new Error('its list of branches is too long'));
  }
}

function refusal(running: Running, address: SshAddress, service: GitService): AppError {
  const said = running.stderr.trim();
  // The path could be read, or we would not be here: what refuses writing is a matter of rights.
  if (service === 'git-receive-pack') return authError(address.shown, 'write', said, undefined);
  const hint = 'Check --repo; forges also say this of a repository that the key may not see.';
  return new AppError('git-missing', `there is no repository at ${address.shown}: ${said}`, {
    details: { address: address.shown },
    hint,
  });
}

const lost = (address: SshAddress, cause?: unknown): AppError =>
  unreachable(address.shown, cause ?? Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' }));

/** undefined: the connection was lost before anything came. */
async function tryOpen(
  client: Client,
  address: SshAddress,
  service: GitService,
): Promise<ServiceChannel | { readonly lost: AppError }> {
  let running: Running;
  try {
    running = await start(client, address, service);
  } catch (error) {
    return { lost: lost(address, error) };
  }
  try {
    const found = await readListing(running, address);
    if (found !== undefined) return serviceChannel(running, address, service, found.listing, found.rest);
  } catch (error) {
    if (error instanceof AppError) {
      running.channel.destroy();
      throw error;
    }
  }
  await within(running.closed, closeLimitMs, address.shown, () => running.channel.destroy());
  if (running.code === null) return { lost: lost(address) };
  throw refusal(running, address, service);
}

function serviceChannel(
  running: Running,
  address: SshAddress,
  service: GitService,
  advertisement: Buffer,
  rest: Buffer,
): ServiceChannel {
  const { channel } = running;
  let conversed = false;

  async function* converse(body: Buffer): AsyncGenerator<Uint8Array> {
    conversed = true;
    channel.end(body);
    if (rest.length > 0) yield rest;
    for (let step = await running.next(); step.done !== true; step = await running.next()) yield step.value;
    await within(running.closed, closeLimitMs, address.shown, () => channel.destroy());
    if (running.code === null) throw lost(address);
  }

  /** The channel closes only when all of it was read. */
  async function drain(): Promise<void> {
    try {
      for (let step = await running.next(); step.done !== true; step = await running.next());
    } catch {
      // The answer was given up, so it does not matter how it ended.
    }
    await running.closed;
  }

  async function end(): Promise<void> {
    // A flush says that nothing is wanted; the service then ends by itself.
    if (!conversed) channel.end('0000');
    await Promise.race([drain(), sleep(closeLimitMs, undefined, { ref: false })]);
    channel.destroy();
  }

  return { service, advertisement, converse, end };
}

/** Throws `git-missing`, `git-auth` (writing), `git-unreachable`. A connection that died of age is replaced once. */
export async function openService(link: SshLink, address: SshAddress, service: GitService): Promise<ServiceChannel> {
  const first = await link.client();
  const opened = await tryOpen(first.client, address, service);
  if (!('lost' in opened)) return opened;
  link.drop(first.client);
  if (first.fresh) throw opened.lost;
  const second = await tryOpen((await link.client()).client, address, service);
  if ('lost' in second) throw second.lost;
  return second;
}
