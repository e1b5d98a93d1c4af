// A backup's file: a line that says what it is, chunks that may be encrypted, and a checksum at the end. Written whole or not at all.
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { PassThrough, Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { AppError } from '../../schema/errors.js';
import { onFile } from '../../schema/file-refusal.js';
import { syncFolder } from './state-dir.js';

const magic = 'portoser-backup 1';
const chunkBytes = 64 * 1024;
const lastFlag = 0x8000_0000;
const sumBytes = 32;
/** RFC 7914 and OWASP's advice for scrypt: 128 MiB of memory for each guess. */
const cost = { N: 2 ** 17, r: 8, p: 1 } as const;

interface Head {
  /** Hexadecimal; absent: not encrypted. */
  readonly salt?: string;
}

const broken = (path: string, why: string): AppError => new AppError('backup-broken', `${path}: ${why}`);

type Seal = (chunk: Buffer, index: number, last: boolean) => Buffer;

async function keyOf(passphrase: string, salt: string): Promise<Buffer> {
  const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
  return await derive(passphrase.normalize('NFC'), Buffer.from(salt, 'hex'), 32, {
    ...cost,
    maxmem: 256 * 1024 * 1024,
  });
}

/** The key is of one file alone, so that a counter never repeats under it. */
function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(index), 4);
  return nonce;
}

const bound = (head: string, last: boolean): Buffer => Buffer.from(`${head}${last ? 'last' : 'more'}`);

const sealer =
  (key: Buffer, head: string): Seal =>
  (chunk, index, last) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index));
    cipher.setAAD(bound(head, last));
    return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  };

const opener =
  (key: Buffer, head: string): Seal =>
  (chunk, index, last) => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index));
    decipher.setAAD(bound(head, last));
    decipher.setAuthTag(chunk.subarray(-16));
    try {
      return Buffer.concat([decipher.update(chunk.subarray(0, -16)), decipher.final()]);
    } catch (cause) {
      throw new AppError('backup-passphrase', 'the passphrase is another one, or the file was changed', { cause });
    }
  };

const plain: Seal = chunk => chunk;

async function sealFor(passphrase: string | undefined, head: Head, line: string, how: typeof sealer): Promise<Seal> {
  if (head.salt === undefined) return plain;
  if (passphrase === undefined) throw new AppError('backup-passphrase', 'the backup is encrypted');
  return how(await keyOf(passphrase, head.salt), line);
}

/** Pieces of equal size but the last one; one empty piece for nothing. */
async function* pieces(
  source: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly chunk: Buffer; readonly last: boolean }> {
  let kept = Buffer.alloc(0);
  for await (const part of source) {
    kept = Buffer.concat([kept, part]);
    while (kept.length > chunkBytes) {
      yield { chunk: kept.subarray(0, chunkBytes), last: false };
      kept = kept.subarray(chunkBytes);
    }
  }
  yield { chunk: kept, last: true };
}

/** `path`: what it is called in the end, for messages. */
async function writeTo(
  { file, path }: { readonly file: FileHandle; readonly path: string },
  lines: AsyncIterable<string>,
  passphrase: string | undefined,
): Promise<void> {
  const head: Head = passphrase === undefined ? {} : { salt: randomBytes(16).toString('hex') };
  const line = `${magic} ${JSON.stringify(head)}\n`;
  const seal = await sealFor(passphrase, head, line, sealer);
  const sum = createHash('sha256');
  const put = async (bytes: Buffer): Promise<void> => {
    sum.update(bytes);
    await onFile(path, 'written', () => file.writeFile(bytes));
  };
  await put(Buffer.from(line));
  const packed = new PassThrough();
  const packing = pipeline(Readable.from(lines), createGzip(), packed);
  // Told by the loop below, or after it: never by nobody.
  packing.catch((error: unknown) => packed.destroy(error as Error));
  let index = 0;
  for await (const { chunk, last } of pieces(packed)) {
    const sealed = seal(chunk, index, last);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(last ? (sealed.length | lastFlag) >>> 0 : sealed.length);
    await put(Buffer.concat([length, sealed]));
    index += 1;
  }
  await packing;
  await onFile(path, 'written', async () => {
    await file.writeFile(sum.digest());
    await file.sync();
  });
}

/**
 * Lines without their ends go in; the file is readable for its owner alone. What was there is replaced at the very end.
 * Throws `file-refused` where it cannot be written.
 */
export async function writeBackup(
  path: string,
  lines: AsyncIterable<string>,
  passphrase: string | undefined,
): Promise<void> {
  const temporary = join(dirname(path), `.portoser-backup-${randomBytes(6).toString('hex')}.tmp`);
  const file = await onFile(path, 'written', () => open(temporary, 'wx', 0o600));
  try {
    await writeTo({ file, path }, lines, passphrase);
    await onFile(path, 'written', async () => {
      await file.close();
      await rename(temporary, path);
      await syncFolder(dirname(path));
    });
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readExactly(file: FileHandle, length: number, at: number, path: string): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, at);
  if (bytesRead !== length) throw broken(path, 'it ends in the middle');
  return bytes;
}

interface Opened {
  readonly head: Head;
  readonly line: string;
}

async function readHead(file: FileHandle, path: string): Promise<Opened> {
  const start = Buffer.alloc(512);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  const end = start.subarray(0, bytesRead).indexOf(10);
  const line = start.subarray(0, end + 1).toString();
  if (!line.startsWith('portoser-backup ')) throw broken(path, 'it was not written by `portoser backup`');
  if (!line.startsWith(`${magic} `)) throw broken(path, 'it is of a newer version of Portoser');
  try {
    return { line, head: JSON.parse(line.slice(magic.length + 1)) as Head };
  } catch (cause) {
    throw new AppError('backup-broken', `${path}: its first line is damaged`, { cause });
  }
}

/** Chunks of a file, opened; the checksum is compared when all were read. */
async function* chunksOf(path: string, passphrase: string | undefined): AsyncGenerator<Buffer> {
  const file = await onFile(path, 'read', () => open(path, 'r'));
  try {
    const { size } = await file.stat();
    const { head, line } = await onFile(path, 'read', () => readHead(file, path));
    const unseal = await sealFor(passphrase, head, line, opener);
    const sum = createHash('sha256').update(line);
    let at = Buffer.byteLength(line);
    for (let index = 0, last = false; !last; index += 1) {
      const length = await readExactly(file, 4, at, path);
      const word = length.readUInt32BE();
      last = word >= lastFlag;
      const bytes = last ? word - lastFlag : word;
      if (bytes > chunkBytes + 16) throw broken(path, 'it is damaged');
      const sealed = await readExactly(file, bytes, at + 4, path);
      sum.update(length).update(sealed);
      at += 4 + bytes;
      yield unseal(sealed, index, last);
    }
    const wanted = await readExactly(file, sumBytes, at, path);
    if (size !== at + sumBytes || !sum.digest().equals(wanted)) throw broken(path, 'its checksum does not fit');
  } finally {
    await file.close();
  }
}

/** Its lines, in order. Throws `file-refused`, `backup-broken` and `backup-passphrase`, the checksum's fault only after the last one. */
export async function* readBackup(path: string, passphrase: string | undefined): AsyncGenerator<string> {
  const unpacked = new PassThrough();
  const unpacking = pipeline(Readable.from(chunksOf(path, passphrase)), createGunzip(), unpacked);
  let fault: unknown;
  unpacking.catch((error: unknown) => {
    fault = error;
    unpacked.end();
  });
  for await (const line of createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
  await unpacking.catch(() => undefined);
  if (fault instanceof AppError) throw fault;
  if (fault !== undefined) throw new AppError('backup-broken', `${path}: it is damaged`, { cause: fault });
}
