// Where an audit log ends: by its own note of that, and by the lines behind it where a killed process did not come to note them.
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditAnchor, readAuditLine } from '../../schema/audit.js';
import { isCode, namesIn } from './state-dir.js';

/** The last record, and how long the file is that it stands in. */
export interface Tail {
  readonly seq: number;
  /** Of the record; before the first one random. */
  readonly hash: string;
  /** Number of the file. */
  readonly file: number;
  readonly bytes: number;
  /** The file does not end with a whole line. */
  readonly half: boolean;
}

export const fileName = (number: number): string => `${String(number).padStart(7, '0')}.jsonl`;

/** Numbers of the files, ascending. */
export async function fileNumbers(folder: string): Promise<readonly number[]> {
  const names = await namesIn(folder);
  return names.flatMap(name => (/^\d{7}\.jsonl$/.test(name) ? [Number(name.slice(0, 7))] : [])).sort((a, b) => a - b);
}

const headPath = (folder: string): string => join(folder, 'head.json');

type Head = Omit<Tail, 'half'>;

/** Undefined: none, or one that was not written to its end. */
export async function readHead(folder: string): Promise<Head | undefined> {
  try {
    const { seq, hash, file, bytes } = JSON.parse(await readFile(headPath(folder), 'utf8')) as Partial<Head>;
    if (typeof hash !== 'string' || [seq, file, bytes].some(one => !Number.isSafeInteger(one))) return undefined;
    return { seq, hash, file, bytes } as Head;
  } catch (error) {
    if (error instanceof SyntaxError || isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Not synced: it may be behind the log, and never before it. */
export async function writeHead(folder: string, { seq, hash, file, bytes }: Tail): Promise<void> {
  await writeFile(headPath(folder), `${JSON.stringify({ seq, hash, file, bytes })}\n`, { mode: 0o600 });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

async function textFrom(path: string, from: number, to: number): Promise<string> {
  const file: FileHandle = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, to - from));
    await file.read(bytes, 0, bytes.length, from);
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

/** The last whole record in a text that begins with a line. */
function lastRecord(text: string): AuditAnchor | undefined {
  for (const line of text.split('\n').toReversed()) {
    const read = readAuditLine(line);
    if (read.kind === 'record') return { seq: read.record.seq, hash: read.record.hash };
  }
  return undefined;
}

/**
 * For whoever holds the log's lock. Where the log is shorter than its note says, it goes on behind what is noted: `verify`
 * then tells what is missing, and no cut is covered up by the next record.
 */
export async function findTail(folder: string): Promise<Tail> {
  const [head, numbers] = await Promise.all([readHead(folder), fileNumbers(folder)]);
  const file = Math.max(head?.file ?? 1, numbers.at(-1) ?? 1);
  const path = join(folder, fileName(file));
  const bytes = await sizeOf(path);
  if (head !== undefined && head.file === file && head.bytes === bytes) return { ...head, half: false };
  const from = head !== undefined && head.file === file && head.bytes < bytes ? head.bytes : 0;
  const text = bytes === 0 ? '' : await textFrom(path, from, bytes);
  const found = lastRecord(text) ?? (await beforeIt(folder, numbers, file));
  const last = head !== undefined && (found === undefined || found.seq <= head.seq) ? head : found;
  const half = text !== '' && !text.endsWith('\n');
  return { seq: 0, hash: randomBytes(32).toString('hex'), ...last, file, bytes, half };
}

/** A file without a record was begun by a process that was killed there. */
async function beforeIt(folder: string, numbers: readonly number[], file: number): Promise<AuditAnchor | undefined> {
  for (const number of numbers.filter(one => one < file).toReversed()) {
    const found = lastRecord(await readFile(join(folder, fileName(number)), 'utf8'));
    if (found !== undefined) return found;
  }
  return undefined;
}
