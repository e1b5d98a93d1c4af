// How git's two services are reached: what both ways (https, ssh) share.
import type { HttpClient } from 'isomorphic-git';
import { AppError, type ErrorCode, type ErrorDetails } from '../../schema/errors.js';

export type GitService = 'git-upload-pack' | 'git-receive-pack';
export type Purpose = 'read' | 'write';

export interface GitTransport {
  /** The repository's address as isomorphic-git is to be told it. */
  readonly url: string;
  /** The same for people, without credentials. */
  readonly shown: string;
  /**
   * One git operation over a client of its own; when it is over nothing of it stays open. What went wrong on the way is
   * thrown as AppError, also where isomorphic-git would have passed over it.
   */
  operate<T>(purpose: Purpose, work: (http: HttpClient, spoken: Spoken) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What the far side said beside its answer. */
export interface Spoken {
  /** Messages for people (side-band 2), such as those of a hook; the last 8 KiB. */
  said: string;
  failure?: AppError;
}

/** A silent server is given up after this long. */
export const silenceLimitMs = 120_000;
/** No operation is waited for longer. */
export const operationLimitMs = 900_000;
export const connectLimitMs = 10_000;

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'there is no way to that address',
  ENETUNREACH: 'there is no way to that network',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it took the question and does not answer',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of its answer',
  ENOTFOUND: 'the name cannot be resolved',
  EAI_AGAIN: 'the name cannot be resolved now',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  ERR_STREAM_PREMATURE_CLOSE: 'it closed the connection',
  UND_ERR_DESTROYED: 'the connection was closed here',
  UND_ERR_CLOSED: 'the connection was closed here',
};

/** The code of a failure, also where it lies in its cause. */
export function failureCode(thrown: unknown): string | undefined {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

export function unreachable(
  shown: string,
  cause: unknown,
  more: { why?: string; hint?: string; details?: ErrorDetails } = {},
): AppError {
  const code = failureCode(cause);
  const said = cause instanceof Error ? cause.message : 'no reason was given';
  const why = more.why ?? reasons[code ?? ''] ?? said;
  return new AppError('git-unreachable', `${shown} cannot be reached: ${why}`, {
    cause,
    ...(more.hint === undefined ? {} : { hint: more.hint }),
    details: { address: shown, ...(code === undefined ? {} : { reason: code }), ...more.details },
  });
}

/** Waits no longer than this; `give` is called when the time is over, before the error is thrown. */
export async function within<T>(work: Promise<T>, limitMs: number, shown: string, give: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      give();
      reject(unreachable(shown, Object.assign(new Error(`nothing came for ${limitMs} ms`), { code: 'ETIMEDOUT' })));
    }, limitMs);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

const spokenLimit = 8 * 1024;

/**
 * Passes a service's answer through and reads along (gitprotocol-pack): an error in it (`ERR`, side-band 3) or an end
 * before its end is kept in `spoken.failure`, because isomorphic-git takes both for the end of the pack.
 */
export async function* readAlong(
  answer: AsyncIterable<Uint8Array>,
  service: GitService,
  shown: string,
  spoken: Spoken,
): AsyncGenerator<Uint8Array> {
  const reader = packetReader(packet => {
    const text = (from: number): string => packet.toString('utf8', from).trim();
    if (packet[0] === 2) spoken.said = (spoken.said + packet.toString('utf8', 1)).slice(-spokenLimit);
    else if (packet[0] === 3) spoken.failure ??= refused(service, shown, text(1));
    else if (packet.toString('latin1', 0, 4) === 'ERR ') spoken.failure ??= refused(service, shown, text(4));
  });
  try {
    for await (const chunk of answer) {
      reader.take(chunk);
      yield chunk;
    }
  } catch (error) {
    spoken.failure ??= error instanceof AppError ? error : unreachable(shown, error);
    throw spoken.failure;
  }
  if (!reader.complete()) spoken.failure ??= unreachable(shown, new Error('the answer was cut short'));
}

function refused(service: GitService, shown: string, why: string): AppError {
  const code: ErrorCode = service === 'git-receive-pack' ? 'git-rejected' : 'git-unreachable';
  return new AppError(code, `${shown} broke off: ${why}`, { details: { address: shown } });
}

interface PacketReader {
  take(chunk: Uint8Array): void;
  /** Whether the stream may end here: after a flush, or where it was never made of packets. */
  complete(): boolean;
}

/** pkt-lines (gitprotocol-common): four hex digits of length, then that much. Only their beginnings are kept. */
function packetReader(packet: (start: Buffer) => void): PacketReader {
  const keep = 1_024;
  let header = '';
  let left = 0;
  let start: Buffer[] = [];
  let flushed = true;
  let plain = false;

  function begin(): void {
    const length = /^[0-9a-f]{4}$/i.test(header) ? Number.parseInt(header, 16) : 3;
    header = '';
    // A server without side-bands sends the pack as it is.
    if (length === 3) plain = true;
    flushed = length < 4;
    left = Math.max(0, length - 4);
    start = [];
  }

  function take(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length && !plain;) {
      if (left === 0) {
        const end = Math.min(bytes.length, at + 4 - header.length);
        header += bytes.toString('latin1', at, end);
        at = end;
        if (header.length === 4) begin();
        continue;
      }
      const end = Math.min(bytes.length, at + left);
      if (start.reduce((sum, one) => sum + one.length, 0) < keep)
        start.push(bytes.subarray(at, Math.min(end, at + keep)));
      left -= end - at;
      at = end;
      if (left === 0) packet(Buffer.concat(start));
    }
  }

  return { take, complete: () => plain || (flushed && header === '' && left === 0) };
}
