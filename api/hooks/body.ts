// The body of a webhook as it was sent, to the byte: at most 1 MiB, not compressed, within seconds, and few at a time.
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../schema/errors.js';
import { sweep } from './sweep.js';

export const mostBytes = 1024 * 1024;

/** A refusal of its own status (RFC 9110), in its details. */
export function refusal(status: 400 | 408 | 413 | 415 | 429, message: string): AppError {
  return new AppError(status === 429 ? 'webhook-busy' : 'webhook-unread', message, { details: { status } });
}

/** Places for bodies up to a length. */
export interface Lane {
  /** The longest body that it takes. */
  readonly bytes: number;
  /** Bodies that are read at the same time. */
  readonly places: number;
  /** Requests that may wait for a place; a waiting one takes some of the kernel's memory, and little of ours. */
  readonly waiting: number;
}

/** Where one body is read into. */
export interface Place {
  readonly bytes: Buffer;
  /** After that it is somebody else's, and must not be read any more. */
  readonly leave: () => void;
}

export interface Gate {
  /** Throws with 429 when too many wait already. */
  enter(bytes: number): Promise<Place>;
}

/** In the order of coming. Its pieces of memory are used again and again: as garbage they would pile up to ten times the room. */
function openLane(lane: Lane): Gate {
  let taken = 0;
  const pieces: Buffer[] = [];
  const queue: (() => void)[] = [];
  const leave = (piece: Buffer): (() => void) => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      pieces.push(piece);
      const next = queue.shift();
      if (next === undefined) taken -= 1;
      else next();
    };
  };
  return {
    enter: async bytes => {
      if (taken < lane.places) taken += 1;
      else if (queue.length < lane.waiting) await new Promise<void>(enter => queue.push(enter));
      else throw refusal(429, 'too many webhooks came at once');
      const piece = pieces.pop() ?? Buffer.allocUnsafeSlow(lane.bytes);
      return { bytes: piece.subarray(0, bytes), leave: leave(piece) };
    },
  };
}

/** Short ones have places of their own: a few long and slow ones, which anybody may send, must not hold up a push. */
export function openGate(short: Lane, long: Lane): Gate {
  const lanes = { short: openLane(short), long: openLane(long) };
  return { enter: bytes => (bytes <= short.bytes ? lanes.short : lanes.long).enter(bytes) };
}

/** What it says that it is long; of one that does not say, the most that is taken. */
export function sizeOf({ headers }: Pick<IncomingMessage, 'headers'>): number {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw refusal(415, 'compressed bodies are not taken');
  const written = headers['content-length'];
  const bytes = written === undefined ? mostBytes : Number(written);
  if (bytes > mostBytes) throw tooLong();
  return bytes;
}

const tooLong = (): AppError => refusal(413, `the body is longer than ${mostBytes} bytes`);
const cutShort = (): AppError => refusal(400, 'the body was cut short');

/** Into `whole`, which is as long as it said. Throws for more than that, for what is cut short, and for what takes longer. */
export function collect(stream: IncomingMessage, whole: Buffer, limitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed) return reject(cutShort());
    let length = 0;
    const end = (): void => {
      clearTimeout(timer);
      stream.off('data', take).off('end', done).off('error', cut).off('close', cut);
    };
    const refuse = (why: AppError): void => {
      end();
      stream.pause();
      reject(why);
    };
    const take = (chunk: Buffer): void => {
      sweep(chunk.length);
      if (length + chunk.length > whole.length) return refuse(tooLong());
      length += chunk.copy(whole, length);
    };
    const done = (): void => {
      end();
      resolve(whole.subarray(0, length));
    };
    const cut = (): void => refuse(cutShort());
    const timer = setTimeout(() => refuse(refusal(408, `the body took longer than ${limitMs} ms`)), limitMs);
    stream.on('data', take).once('end', done).once('error', cut).once('close', cut);
    return undefined;
  });
}
