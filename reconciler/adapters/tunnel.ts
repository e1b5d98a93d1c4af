// Looks at ports of a machine from its own loopback: HTTP and TCP over a dialled stream; by curl and nc there where forwarding is refused.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { HttpAnswer, HttpAsk, RemoteShell, Tunnel } from '../ports.js';
import { httpThere, tcpThere } from './tunnel-there.js';

/** A check reads no more of a body than this. */
export const bodyLimit = 65_536;

const slow = (ask: { readonly host: string; readonly port: number }, ms: number) =>
  new AppError('command-timeout', `${ask.host}:${ask.port} did not answer within ${ms / 1000} s`);

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= bodyLimit) break;
  }
  return Buffer.concat(chunks).subarray(0, bodyLimit).toString('utf8');
}

/** A name for TLS: the Host header's, else the host's; an address has none. */
function serverName(ask: HttpAsk): { readonly servername?: string } {
  const name = ask.hostHeader?.replace(/:\d+$/, '') ?? ask.host;
  return /^[\d.]+$|:/.test(name) ? {} : { servername: name };
}

async function secured(stream: Duplex, ask: HttpAsk): Promise<Duplex> {
  const socket = tlsConnect({ socket: stream, rejectUnauthorized: ask.tlsVerify, ...serverName(ask) });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

/** One request on one stream; a redirect is not followed: its status is the answer. */
function exchange(stream: Duplex, ask: HttpAsk, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => stream,
      method: 'GET',
      path: ask.path,
      headers: {
        host: ask.hostHeader ?? `${ask.host}:${ask.port}`,
        'user-agent': 'portoser',
        accept: '*/*',
        connection: 'close',
      },
      signal,
    });
    request.once('error', reject);
    request.once('response', response => {
      readBody(response).then(body => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.end();
  });
}

function refusedForwarding(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === 'ssh-forward-refused';
}

/** What went wrong on the stream, in the catalogue's words; a time limit that fired is told as such. */
function translated(
  thrown: unknown,
  ask: { readonly host: string; readonly port: number },
  limit: AbortSignal,
  ms: number,
): AppError {
  if (limit.aborted) return slow(ask, ms);
  if (thrown instanceof AppError) return thrown;
  return new AppError('command-failed', `${ask.host}:${ask.port}: ${asAppError(thrown).message}`, { cause: thrown });
}

async function httpOver(shell: RemoteShell, machine: Machine, ask: HttpAsk, timeLimitMs: number): Promise<HttpAnswer> {
  const limit = AbortSignal.timeout(timeLimitMs);
  const stream = await shell.dial(machine, ask.host, ask.port, timeLimitMs);
  const end = () => stream.destroy();
  limit.addEventListener('abort', end, { once: true });
  // Once the exchange is over, what the far end still says on the stream is nobody's concern.
  stream.on('error', () => undefined);
  try {
    return await exchange(ask.scheme === 'https' ? await secured(stream, ask) : stream, ask, limit);
  } catch (thrown) {
    throw translated(thrown, ask, limit, timeLimitMs);
  } finally {
    limit.removeEventListener('abort', end);
    stream.destroy();
  }
}

/** Throws AppErrors: `command-failed` (refused, reset, no HTTP), `command-timeout`, `ssh-…`. */
export function openTunnel(shell: RemoteShell): Tunnel {
  return {
    http: async (machine, ask, timeLimitMs) => {
      try {
        return await httpOver(shell, machine, ask, timeLimitMs);
      } catch (thrown) {
        if (refusedForwarding(thrown)) return await httpThere(shell, machine, ask, timeLimitMs);
        throw thrown;
      }
    },
    connect: async (machine, host, port, timeLimitMs) => {
      try {
        const stream = await shell.dial(machine, host, port, timeLimitMs);
        stream.on('error', () => undefined);
        stream.destroy();
      } catch (thrown) {
        if (!refusedForwarding(thrown)) throw thrown;
        await tcpThere(shell, machine, host, port, timeLimitMs);
      }
    },
  };
}
