// Records that wait for the database, in files of the state folder: JSON lines, synced, bounded; the oldest go first.
import { open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemWords } from '../../schema/file-refusal.js';
import type { HistoryRecord } from '../../schema/history.js';
import type { Log } from '../ports.js';
import { appendWhole } from './append-whole.js';
import { makeFolder } from './make-folder.js';
import { syncFolder } from './state-dir.js';

export interface SpoolOptions {
  readonly folder: string;
  /** This process as the state folder names it; whether that of another name runs. */
  readonly processName: string;
  readonly runs: (processName: string) => boolean;
  readonly now: () => number;
  readonly log: Log;
  /** A file is ended at that size. Default 1 MiB. */
  readonly fileBytes?: number;
  /** All files together. Default 16 MiB. */
  readonly totalBytes?: number;
}

export interface Spool {
  /** Resolves when they are on disk; answers how many older ones had to go for them. Nothing of them stays when it throws. */
  append(records: readonly HistoryRecord[]): Promise<number>;
  /**
   * Hands all that waits to `take`, oldest first; what it took is removed. Files that a living process still writes are
   * handed over and stay. What `take` throws ends it and is thrown on; what the disk has against a file is that file's
   * alone: it is told, and tried again the next time.
   */
  drain(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void>;
  /** How many records wait, as far as they can be read. */
  waiting(): Promise<number>;
}

const batch = 500;

/** `1764300000000-0001-4711:88-ab12.jsonl`: names sort by time; the rest is the process that writes it. */
const nameOf = (at: number, count: number, process: string): string =>
  `${String(at).padStart(13, '0')}-${String(count).padStart(4, '0')}-${process}.jsonl`;
const timeOf = (name: string): number => Number(/^\d+(?=-)/.exec(name)?.[0] ?? 0);
const ownerOf = (name: string): string => name.replace(/^\d+-\d+-/, '').replace(/\.jsonl$/, '');

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const linesOf = (text: string): readonly string[] => text.split('\n').filter(line => line !== '');

/** The last line of a process that was killed may be half there: it is no record yet. */
function parseLine(line: string): readonly HistoryRecord[] {
  try {
    return [JSON.parse(line) as HistoryRecord];
  } catch {
    return [];
  }
}

/** Not safe for calls at the same time from one process: the store makes them one after the other. */
export function openSpool(options: SpoolOptions): Spool {
  const { folder, processName, log, fileBytes = 1024 * 1024, totalBytes = 16 * 1024 * 1024 } = options;
  let current: string | undefined;
  let count = 0;
  const told = new Set<string>();

  /** A fault of the disk is no fault of the database: it is told once, and the other files are served. */
  async function orNothing<T>(path: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (err) {
      if (isGone(err)) return undefined;
      const fields = { file: path, why: systemWords(err), err };
      if (!told.has(path)) log.warn(fields, 'history that waits here is out of reach; it is tried again');
      told.add(path);
      return undefined;
    }
  }

  const pathOf = (name: string): string => join(folder, name);
  const names = async (): Promise<readonly string[]> =>
    ((await orNothing(folder, readdir(folder))) ?? []).filter(name => name.endsWith('.jsonl')).sort();
  const sizeOf = async (name: string): Promise<number | undefined> =>
    (await orNothing(pathOf(name), stat(pathOf(name))))?.size;
  const linesIn = async (name: string): Promise<readonly string[] | undefined> => {
    const text = await orNothing(pathOf(name), readFile(pathOf(name), 'utf8'));
    return text === undefined ? undefined : linesOf(text);
  };
  const remove = (name: string): Promise<void> => orNothing(pathOf(name), unlink(pathOf(name)));

  async function fileToWrite(): Promise<string> {
    const size = current === undefined ? undefined : await sizeOf(current);
    if (current !== undefined && size !== undefined && size < fileBytes) return current;
    await makeFolder(folder);
    count += 1;
    // Behind what waits already, also where the clock was set back.
    const newest = (await names()).reduce((latest, name) => Math.max(latest, timeOf(name)), 0);
    return nameOf(Math.max(options.now(), newest + 1), count, processName);
  }

  async function append(records: readonly HistoryRecord[]): Promise<number> {
    const name = await fileToWrite();
    // Only when all went well is anything written behind it.
    current = undefined;
    const file = await open(pathOf(name), 'a', 0o600);
    try {
      const { size } = await file.stat();
      try {
        await appendWhole(file, records.map(record => `${JSON.stringify(record)}\n`).join(''), size);
        if (size === 0) await syncFolder(folder);
      } catch (error) {
        if (size === 0) await remove(name);
        throw error;
      }
    } finally {
      await file.close();
    }
    current = name;
    return await shrink(name);
  }

  /** A file goes as a whole; the one just written stays. */
  async function shrink(keep: string): Promise<number> {
    const all = await Promise.all((await names()).map(async name => ({ name, size: (await sizeOf(name)) ?? 0 })));
    let total = all.reduce((sum, one) => sum + one.size, 0);
    let dropped = 0;
    for (const { name, size } of all) {
      if (total <= totalBytes || name === keep) break;
      dropped += (await linesIn(name))?.length ?? 0;
      await remove(name);
      total -= size;
    }
    return dropped;
  }

  async function drain(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void> {
    for (const name of await names()) {
      const owner = ownerOf(name);
      // Asked before it is read: who ends after that has written all of what is read, or keeps the file.
      const written = owner !== processName && options.runs(owner);
      const lines = await linesIn(name);
      if (lines === undefined) continue;
      for (let at = 0; at < lines.length; at += batch) await take(lines.slice(at, at + batch).flatMap(parseLine));
      if (written) continue;
      await remove(name);
      if (name === current) current = undefined;
    }
  }

  return {
    append,
    drain,
    waiting: async () => {
      const all = await Promise.all((await names()).map(linesIn));
      return all.reduce((sum, lines) => sum + (lines?.length ?? 0), 0);
    },
  };
}
