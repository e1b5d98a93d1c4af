// The audit log in the state folder: numbered files of JSON lines, only ever appended to, synced before a call returns.
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Audit,
  type AuditEntry,
  type AuditRecord,
  chained,
  type NamedAnchor,
  readAuditLine,
} from '../../schema/audit.js';
import { walkAudit } from '../../schema/audit-verify.js';
import { AppError, asAppError } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';
import { appendWhole } from './append-whole.js';
import { fileName, fileNumbers, findTail, readHead, type Tail, writeHead } from './audit-tail.js';
import { makeFolder } from './make-folder.js';
import { syncFolder } from './state-dir.js';
import { takeLockWithin } from './state-lock.js';

export interface AuditOptions {
  /** The next file is begun when one is that long. Default 4 MiB. */
  readonly fileBytes?: number;
  /** How long one waits for another process that writes. Default 10 s. */
  readonly patienceMs?: number;
}

interface Waiting {
  readonly entry: AuditEntry;
  readonly done: (record: AuditRecord) => void;
  readonly failed: (error: AppError) => void;
}

const unwritable = (folder: string, cause: unknown): AppError =>
  new AppError('audit-unwritable', `${folder}: ${systemWords(cause) ?? asAppError(cause).message}`, { cause });

export function openAudit(stateFolder: string, options: AuditOptions = {}): Audit {
  const folder = join(stateFolder, 'audit');
  const { fileBytes = 4 * 1024 * 1024, patienceMs = 10_000 } = options;
  let waiting: Waiting[] = [];
  let work: Promise<void> = Promise.resolve();

  async function write(entries: readonly AuditEntry[]): Promise<readonly AuditRecord[]> {
    await makeFolder(stateFolder);
    await makeFolder(folder);
    const release = await takeLockWithin(join(folder, 'lock'), patienceMs);
    try {
      return await writeBehind(await findTail(folder), entries);
    } finally {
      await release();
    }
  }

  async function writeBehind(tail: Tail, entries: readonly AuditEntry[]): Promise<readonly AuditRecord[]> {
    const begun = tail.bytes >= fileBytes ? { ...tail, file: tail.file + 1, bytes: 0, half: false } : tail;
    const records: AuditRecord[] = [];
    let [text, last] = [begun.half ? '\n' : '', { seq: begun.seq, hash: begun.hash }];
    for (const entry of entries) {
      const { line, record } = chained(entry, last);
      text += `${line}\n`;
      last = record;
      records.push(record);
    }
    const file = await open(join(folder, fileName(begun.file)), 'a', 0o600);
    try {
      await appendWhole(file, text, begun.bytes);
      if (begun.bytes === 0) await syncFolder(folder);
    } finally {
      await file.close();
    }
    const { seq, hash } = last;
    await writeHead(folder, { ...begun, seq, hash, bytes: begun.bytes + Buffer.byteLength(text), half: false });
    return records;
  }

  /** Those who come while others are being written share the next lock and sync. */
  async function flush(): Promise<void> {
    const now = waiting;
    waiting = [];
    try {
      const records = await write(now.map(one => one.entry));
      for (const [index, record] of records.entries()) now[index]?.done(record);
    } catch (error) {
      for (const one of now) one.failed(unwritable(folder, error));
    }
  }

  function append(entry: AuditEntry): Promise<AuditRecord> {
    return new Promise((done, failed) => {
      waiting.push({ entry, done, failed });
      if (waiting.length === 1) work = work.then(flush);
    });
  }

  async function* lines(from = 0): AsyncGenerator<{ readonly place: string; readonly text: string }> {
    for (const number of (await fileNumbers(folder)).filter(one => one >= from)) {
      const name = fileName(number);
      const text = await readFile(join(folder, name), 'utf8');
      for (const [index, line] of text.split('\n').entries()) yield { place: `${name}:${index + 1}`, text: line };
    }
  }

  async function* records(after: number): AsyncGenerator<AuditRecord> {
    for await (const { text } of lines(await fileWith(after))) {
      const read = readAuditLine(text);
      if (read.kind === 'record' && read.record.seq > after) yield read.record;
    }
  }

  /** The file that the record after that one stands in, or one before it. */
  async function fileWith(after: number): Promise<number> {
    for (const number of (await fileNumbers(folder)).toReversed()) {
      const [first = ''] = (await readFile(join(folder, fileName(number)), 'utf8')).split('\n', 1);
      const read = readAuditLine(first);
      if (read.kind === 'record' && read.record.seq <= after) return number;
    }
    return 0;
  }

  async function verify(anchors: readonly NamedAnchor[]) {
    const head = await readHead(folder);
    const own = head === undefined ? [] : [{ name: 'its own note of its end', seq: head.seq, hash: head.hash }];
    // What is written from here on is behind all that is compared.
    const walker = walkAudit([...own, ...anchors]);
    for await (const { place, text } of lines()) walker.line(place, text);
    return walker.verdict();
  }

  async function log(): Promise<string | undefined> {
    for await (const record of records(0)) return record.prev.slice(0, 16);
    return undefined;
  }

  return { folder, append, records, verify, log };
}
