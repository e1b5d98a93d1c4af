// Looks at ports of a machine from its own loopback: HTTP and TCP over a dialled stream; by curl and nc there where forwarding is refused.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { HttpAnswer, HttpAsk, RemoteShell, Tunnel } from '../ports.js';
import { httpThere, tcpThere } from './tunnel-there.js';

/** A check reads no more of a body than this. */
export const bodyLimit = 65_536;
/** A machine that answers nothing within that is not there, whatever its services do. */
const lifeLimitMs = 2000;

interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Throws `command-failed` (refused, reset, no HTTP, certificate), `command-timeout` (the machine is there, the service does not
 * answer), and `ssh-…` when we could not look: those say nothing of the service.
 */
export function openTunnel(shell: RemoteShell): Tunnel {
  return {
    http: (machine, ask, timeLimitMs) =>
      forwardedOr(
        () => httpOver(shell, machine, ask, timeLimitMs),
        () => httpThere(shell, machine, ask, timeLimitMs),
      ),
    connect: (machine, host, port, timeLimitMs) =>
      forwardedOr(
        async () => void (await dial(shell, machine, { host, port }, timeLimitMs)).destroy(),
        () => tcpThere(shell, machine, host, port, timeLimitMs),
      ),
  };
}

async function forwardedOr<T>(forwarded: () => Promise<T>, there: () => Promise<T>): Promise<T> {
  try {
    return await forwarded();
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'ssh-forward-refused') return there();
    throw thrown;
  }
}

async function dial(shell: RemoteShell, machine: Machine, to: Place, timeLimitMs: number): Promise<Duplex> {
  try {
    const stream = await shell.dial(machine, to.host, to.port, timeLimitMs);
    // How a stream ends is told by what was read from it.
    stream.on('error', () => undefined);
    return stream;
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'command-timeout') await provesLife(shell, machine);
    throw thrown;
  }
}

/** A port that nobody can listen on is refused at once by a machine that is there. Throws `ssh-lost` for one that is not. */
async function provesLife(shell: RemoteShell, machine: Machine): Promise<void> {
  try {
    (await shell.dial(machine, '127.0.0.1', 0, lifeLimitMs)).destroy();
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code === 'command-failed') return;
    if (thrown.code !== 'command-timeout') throw thrown;
    throw new AppError('ssh-lost', `${machine.name} no longer answers over its connection`, { cause: thrown });
  }
}

async function httpOver(shell: RemoteShell, machine: Machine, ask: HttpAsk, timeLimitMs: number): Promise<HttpAnswer> {
  const endsAt = performance.now() + timeLimitMs;
  const stream = await dial(shell, machine, ask, timeLimitMs);
  const limit = AbortSignal.timeout(Math.max(1, Math.ceil(endsAt - performance.now())));
  try {
    return await Promise.race([exchange(stream, ask), rejectAt(limit)]);
  } catch (thrown) {
    if (!limit.aborted) throw noAnswer(machine, ask, thrown);
    await provesLife(shell, machine);
    throw new AppError(
      'command-timeout',
      `${placeOf(ask)} on ${machine.name} did not answer within ${timeLimitMs / 1000} s`,
      {
        details: { machine: machine.name, to: placeOf(ask) },
      },
    );
  } finally {
    stream.destroy();
  }
}

const placeOf = (to: Place): string => `${isIP(to.host) === 6 ? `[${to.host}]` : to.host}:${to.port}`;

function rejectAt(limit: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true });
  });
}

function noAnswer(machine: Machine, ask: HttpAsk, cause: unknown): AppError {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new AppError('command-failed', `${placeOf(ask)} on ${machine.name} gave no ${ask.scheme} answer: ${message}`, {
    cause,
    details: { machine: machine.name, to: placeOf(ask), reason: code ?? null },
  });
}

/** One request on one stream. A redirect is not followed: its status is the answer. */
async function exchange(stream: Duplex, ask: HttpAsk): Promise<HttpAnswer> {
  const connection = ask.scheme === 'https' ? await secured(stream, ask) : stream;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({
      createConnection: () => connection,
      path: ask.path,
      headers: {
        host: ask.hostHeader ?? placeOf(ask),
        'user-agent': 'portoser',
        accept: '*/*',
        connection: 'close',
      },
    });
    request.on('error', reject);
    request.once('response', resolve);
    request.end();
  });
  return { status: response.statusCode ?? 0, body: await readBody(response) };
}

/** The name that the certificate must be for: the Host header's, else the host's; an address is no server name (RFC 6066 3). */
async function secured(stream: Duplex, ask: HttpAsk): Promise<Duplex> {
  const name = ask.hostHeader?.replace(/:\d+$/, '') ?? ask.host;
  const socket = tlsConnect({
    socket: stream,
    host: name,
    rejectUnauthorized: ask.tlsVerify,
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed during the TLS handshake')));
  });
  return socket;
}

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
