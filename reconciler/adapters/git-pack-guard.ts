// Looks through a pack that strangers may have filled before anything is unpacked: a small one can stand for more than memory holds.
import { inflateSync, type Zlib } from 'node:zlib';
import type { HttpClient } from 'isomorphic-git';
import { AppError } from '../../schema/errors.js';
import { gitFs } from './git-fs.js';

export interface PackLimits {
  /** Bytes of the pack itself, as they come over the wire. */
  readonly packBytes: number;
  readonly objects: number;
  /** Bytes of one object, unpacked. */
  readonly objectBytes: number;
  /** Bytes of all of them, unpacked. */
  readonly allBytes: number;
}

const mib = 1024 * 1024;
/** Far above any registry with its files; what is more is no pull request that somebody reads. */
export const packLimits: PackLimits = {
  packBytes: 32 * mib,
  objects: 50_000,
  objectBytes: 16 * mib,
  allBytes: 128 * mib,
};

const refuse = (why: string): AppError =>
  new AppError('git-unsupported', `what the ref brings is not taken: ${why}`, {
    hint: 'Make it smaller: Portoser plans a pull request only from plain files of ordinary size.',
  });

/** A number of git's: seven bits a byte, the lowest first (gitformat-pack). */
function readSize(bytes: Uint8Array, from: number, first = { bits: 0, value: 0 }): { at: number; value: number } {
  let { bits, value } = first;
  for (let at = from; at < bytes.length && bits < 49; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** bits;
    bits += 7;
    if (byte < 0x80) return { at: at + 1, value };
  }
  throw refuse('a length in it is no length');
}

interface PackedObject {
  /** Where the next one begins. */
  readonly next: number;
  /** Bytes when all deltas are applied. */
  readonly size: number;
}

function inflate(pack: Buffer, at: number, size: number): { readonly bytes: Buffer; readonly read: number } {
  try {
    // With `info` it also tells how much it read, which the types leave out.
    const { buffer, engine } = inflateSync(pack.subarray(at), {
      maxOutputLength: Math.max(1, size),
      info: true,
    }) as unknown as { buffer: Buffer; engine: Zlib };
    return { bytes: buffer, read: engine.bytesWritten };
  } catch (cause) {
    throw new AppError('git-unsupported', 'what the ref brings is not taken: an object in it is damaged', { cause });
  }
}

/** gitformat-pack: type and size, for a delta its base, then zlib. A delta begins with the sizes of its base and its result. */
function readObject(pack: Buffer, from: number, limits: PackLimits): PackedObject {
  const first = pack[from] ?? 0;
  const type = (first >> 4) & 7;
  const low = first & 0x0f;
  const head = first < 0x80 ? { at: from + 1, value: low } : readSize(pack, from + 1, { bits: 4, value: low });
  if (head.value > limits.objectBytes) throw refuse(`an object of it has ${head.value} bytes`);
  let { at } = head;
  if (type === 7) at += 20;
  if (type === 6) {
    while ((pack[at] ?? 0) >= 0x80) at += 1;
    at += 1;
  }
  const { bytes, read } = inflate(pack, at, head.value);
  const isDelta = type === 6 || type === 7;
  const size = isDelta ? readSize(bytes, readSize(bytes, 0).at).value : bytes.length;
  if (size > limits.objectBytes) throw refuse(`an object of it has ${size} bytes`);
  return { next: at + read, size };
}

/** Throws `git-unsupported` for a pack past a limit, or one that is damaged. */
export function checkPack(pack: Buffer, limits: PackLimits = packLimits): void {
  if (pack.toString('latin1', 0, 4) !== 'PACK' || pack.length < 32) throw refuse('it is no pack');
  const count = pack.readUInt32BE(8);
  if (count > limits.objects) throw refuse(`it has ${count} objects`);
  let [at, total] = [12, 0];
  for (let index = 0; index < count; index += 1) {
    const { next, size } = readObject(pack, at, limits);
    at = next;
    total += size;
    if (total > limits.allBytes) throw refuse(`unpacked it has more than ${limits.allBytes} bytes`);
  }
}

async function* bounded(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw refuse(`it has more than ${limit} bytes`);
    yield chunk;
  }
}

/** Ends a transfer that is past the limit. */
export function boundedHttp(http: HttpClient, limits: PackLimits = packLimits): HttpClient {
  return {
    request: async asked => {
      const answer = await http.request(asked);
      // The list of refs is the server's own; only packs hold what others pushed.
      if (asked.method !== 'POST' || answer.body === undefined) return answer;
      return { ...answer, body: bounded(answer.body as AsyncIterable<Uint8Array>, limits.packBytes) };
    },
  };
}

/** isomorphic-git writes a pack as it came, and only then unpacks it. */
export function guardedFs(limits: PackLimits = packLimits): typeof gitFs {
  const writeFile = async (path: string, contents: string | Uint8Array): Promise<void> => {
    if (path.endsWith('.pack') && typeof contents !== 'string') checkPack(Buffer.from(contents), limits);
    await gitFs.promises.writeFile(path, contents);
  };
  return { promises: { ...gitFs.promises, writeFile } };
}
