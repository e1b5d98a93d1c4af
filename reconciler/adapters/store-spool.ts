// Records that wait for the database, in files of the state folder: JSON lines, synced, bounded; the oldest go first.
import { open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { HistoryRecord } from '../../schema/history.js';
import { makeFolder } from './make-folder.js';

export interface SpoolOptions {
  readonly folder: string;
  /** This process as the state folder names it; whether that of another name runs. */
  readonly processName: string;
  readonly runs: (processName: string) => boolean;
  readonly now: () => number;
  /** A file is ended at that size. Default 1 MiB. */
  readonly fileBytes?: number;
  /** All files together. Default 16 MiB. */
  readonly totalBytes?: number;
}

export interface Spool {
  /** Resolves when they are on disk; answers how many older ones had to go for them. */
  append(records: readonly HistoryRecord[]): Promise<number>;
  /**
   * Hands all that waits to `take`, oldest first; what it took is removed. Files that a living process still writes are
   * handed over and stay. What `take` throws ends it and is thrown on.
   */
  drain(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void>;
  /** How many records wait. */
  waiting(): Promise<number>;
}

const batch = 500;

/** `1764300000000-0001-4711:88-ab12.jsonl`: names sort by time; the rest is the process that writes it. */
const nameOf = (at: number, count: number, process: string): string =>
  `${String(at).padStart(13, '0')}-${String(count).padStart(4, '0')}-${process}.jsonl`;
const ownerOf = (name: string): string => name.replace(/^\d+-\d+-/, '').replace(/\.jsonl$/, '');

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function orNothing<T>(work: Promise<T>, nothing: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isGone(error)) return nothing;
    throw error;
  }
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter(line => line !== '');

/** The last line of a process that was killed may be half there: it is no record yet. */
function parseLine(line: string): readonly HistoryRecord[] {
  try {
    return [JSON.parse(line) as HistoryRecord];
  } catch {
    return [];
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Not safe for calls at the same time from one process: the store makes them one after the other. */
export function openSpool(options: SpoolOptions): Spool {
  const { folder, processName, fileBytes = 1024 * 1024, totalBytes = 16 * 1024 * 1024 } = options;
  let current: string | undefined;
  let count = 0;

  const names = async (): Promise<readonly string[]> =>
    (await orNothing(readdir(folder), [])).filter(name => name.endsWith('.jsonl')).sort();
  const sizeOf = async (name: string): Promise<number> =>
    (await orNothing(stat(join(folder, name)), undefined))?.size ?? 0;
  const textOf = (name: string): Promise<string> => orNothing(readFile(join(folder, name), 'utf8'), '');
  const remove = (name: string): Promise<void> => orNothing(unlink(join(folder, name)), undefined);

  async function fileToWrite(): Promise<string> {
    if (current !== undefined && (await sizeOf(current)) < fileBytes) return current;
    await makeFolder(folder);
    count += 1;
    current = nameOf(options.now(), count, processName);
    return current;
  }

  async function append(records: readonly HistoryRecord[]): Promise<number> {
    const name = await fileToWrite();
    const file = await open(join(folder, name), 'a', 0o600);
    try {
      const begun = (await file.stat()).size === 0;
      await file.writeFile(records.map(record => `${JSON.stringify(record)}\n`).join(''));
      await file.sync();
      if (begun) await syncFolder(folder);
    } catch (error) {
      // The disk may be full in the middle of a line: nothing is written behind it.
      current = undefined;
      throw error;
    } finally {
      await file.close();
    }
    return await shrink(name);
  }

  /** A file goes as a whole; the one just written stays. */
  async function shrink(keep: string): Promise<number> {
    const all = await Promise.all((await names()).map(async name => ({ name, size: await sizeOf(name) })));
    let total = all.reduce((sum, one) => sum + one.size, 0);
    let dropped = 0;
    for (const { name, size } of all) {
      if (total <= totalBytes || name === keep) break;
      dropped += linesOf(await textOf(name)).length;
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
      const lines = linesOf(await textOf(name));
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
      const texts = await Promise.all((await names()).map(textOf));
      return texts.reduce((sum, text) => sum + linesOf(text).length, 0);
    },
  };
}
