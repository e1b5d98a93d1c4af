// The journal as files of JSON lines: one for each process that writes, synced before a call returns, gone when all in it is closed.
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Intent, LeftIntent } from '../../schema/journal.js';
import type { Journal, StateDir } from '../ports.js';
import { journalName, processOf } from './journal-name.js';
import { makeFolder } from './make-folder.js';
import { isCode, namesIn, orUnusable, syncFolder } from './state-dir.js';
import { holdOpen } from './state-lock.js';

/** A file longer than this is written anew with what is open. */
const longestBytes = 256 * 1024;

interface Row {
  readonly id: string;
  readonly line: string;
}

/** Rows that go to the disk together: those who ask while an earlier write is under way share the next one. */
interface Batch {
  readonly rows: Row[];
  readonly done: Promise<void>;
}

function rowOf(line: string): (Partial<Intent> & { readonly at?: number; readonly endedAt?: number }) | undefined {
  try {
    return JSON.parse(line) as Partial<LeftIntent>;
  } catch (error) {
    // The last line of a process that died in the middle of it; what it was for was not done yet.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Intents that a file holds no result of. */
function openIn(text: string, process: string): readonly LeftIntent[] {
  const intents = new Map<string, LeftIntent>();
  for (const line of text.split('\n')) {
    const row = rowOf(line);
    if (row?.id === undefined) continue;
    if (row.endedAt === undefined) intents.set(row.id, { ...(row as Intent & { readonly at: number }), process });
    else intents.delete(row.id);
  }
  return [...intents.values()];
}

const lineOf = (row: object): string => `${JSON.stringify(row)}\n`;

async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // Somebody else has closed it meanwhile.
    if (isCode(error, 'ENOENT')) return '';
    throw error;
  }
}

/** Writes the whole and syncs it; the handle is at its end. */
async function writeNew(
  path: string,
  text: string,
  hold: (file: FileHandle) => Promise<void> = async () => undefined,
): Promise<FileHandle> {
  const file = await open(path, 'w', 0o600);
  try {
    await hold(file);
    await file.writeFile(text);
    await file.datasync();
    return file;
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
}

/** The file of this process: nothing is made before the first intent. */
function ownFile(folder: string, process: string) {
  const path = join(folder, journalName(process));
  const open = new Map<string, string>();
  let file: FileHandle | undefined;
  let length = 0;
  /** What is open may be longer than that by itself. */
  let longest = longestBytes;
  /** Its end may be half a line, or lack a result: it is written anew before anything else. */
  let spoilt = false;
  let gathering: Batch | undefined;
  let before: Promise<void> = Promise.resolve();

  async function writeAnew(): Promise<void> {
    await makeFolder(folder);
    const text = [...open.values()].join('');
    const fresh = await writeNew(`${path}.new`, text, holdOpen);
    await file?.close();
    file = fresh;
    await rename(`${path}.new`, path);
    await syncFolder(folder);
    length = Buffer.byteLength(text);
    longest = Math.max(longestBytes, 2 * length);
    spoilt = false;
  }

  async function append(handle: FileHandle, rows: readonly Row[]): Promise<void> {
    const text = rows.map(row => row.line).join('');
    await handle.writeFile(text);
    await handle.datasync();
    length += Buffer.byteLength(text);
  }

  async function write(rows: readonly Row[]): Promise<void> {
    try {
      if (file === undefined || spoilt || length > longest) await writeAnew();
      else await append(file, rows);
    } catch (error) {
      spoilt = true;
      for (const { id } of rows) open.delete(id);
      throw error;
    }
  }

  function put(row: Row): Promise<void> {
    if (gathering === undefined) {
      const rows: Row[] = [];
      const done = before.then(() => {
        gathering = undefined;
        return write(rows);
      });
      gathering = { rows, done };
      before = done.catch(() => undefined);
    }
    gathering.rows.push(row);
    return gathering.done;
  }

  return {
    name: path.slice(folder.length + 1),
    begin: (id: string, line: string) => {
      open.set(id, line);
      return put({ id, line });
    },
    end: (id: string, line: string) => {
      open.delete(id);
      return put({ id, line });
    },
    close: async () => {
      await before;
      await file?.close();
      if (file !== undefined && open.size === 0) await rm(path, { force: true });
      file = undefined;
    },
  };
}

/**
 * The journal of this process in `folder` (made when it is needed). A process that is killed leaves its file; `left` reads
 * those of processes that `mine.runs` does not know, and `settle` takes them away when nothing in them is open any more.
 * One fdatasync(2) for all that is noted at the same time, and one more (of its folder) for the first intent of a process.
 */
export function openJournal(folder: string, mine: Pick<StateDir, 'processName' | 'runs'>): Journal {
  const own = ownFile(folder, mine.processName);

  async function leftFiles(): Promise<readonly { readonly path: string; readonly intents: readonly LeftIntent[] }[]> {
    const names = (await namesIn(folder)).filter(name => {
      const process = processOf(name);
      return process !== undefined && name !== own.name && !mine.runs(process);
    });
    return await Promise.all(
      names.map(async name => {
        const path = join(folder, name);
        // What was being written anew stands in the file beside it too.
        const text = name.endsWith('.new') ? '' : await readOrNothing(path);
        return { path, intents: openIn(text, processOf(name) ?? '') };
      }),
    );
  }

  async function settle(ids: readonly string[]): Promise<void> {
    for (const { path, intents } of await leftFiles()) {
      const still = intents.filter(one => !ids.includes(one.id));
      if (still.length === 0) await rm(path, { force: true });
      else if (still.length < intents.length) await keepOnly(path, still);
    }
  }

  async function keepOnly(path: string, intents: readonly LeftIntent[]): Promise<void> {
    const lines = intents.map(lineOf);
    await (await writeNew(`${path}.new`, lines.join(''))).close();
    await rename(`${path}.new`, path);
  }

  /** One after the other: each writes anew what another one left. */
  let settling: Promise<void> = Promise.resolve();
  function settleInTurn(ids: readonly string[]): Promise<void> {
    const mine = settling.then(() => settle(ids));
    settling = mine.catch(() => undefined);
    return mine;
  }

  const or = <T>(work: () => Promise<T>): Promise<T> => orUnusable(`the journal in ${folder}`, work);
  return {
    begin: (intent, at) => or(() => own.begin(intent.id, lineOf({ ...intent, at }))),
    end: (id, at, error) => or(() => own.end(id, lineOf({ id, endedAt: at, error }))),
    left: () =>
      or(async () => (await leftFiles()).flatMap(one => one.intents).toSorted((one, other) => one.at - other.at)),
    settle: ids => or(() => settleInTurn(ids)),
    close: () =>
      or(async () => {
        await settling;
        await own.close();
      }),
  };
}
