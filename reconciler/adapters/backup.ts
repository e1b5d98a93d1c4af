// Saves what git and the machines do not hold, in one file, and brings it back: all of it or nothing.
import { randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, asAppError } from '../../schema/errors.js';
import { onFile, systemWords } from '../../schema/file-refusal.js';
import type { StateDir } from '../ports.js';
import { checkMigrations, dumpDatabase, findKept, loadDatabase, patientMs } from './backup-database.js';
import { readBackup, writeBackup } from './backup-file.js';
import { readSettings, restoreSettings } from './backup-settings.js';
import { isSafePath, type SavedFile, savedFiles, stageFiles } from './backup-state.js';
import { isCode, namesIn, orUnusable, unusable } from './state-dir.js';
import { type Address, type Database, openDatabase } from './store-database.js';
import { type Applied, readMigrations } from './store-migrate.js';
import { type Place, placeOf, type StartedDatabase } from './store-place.js';

export interface BackupAsk {
  readonly file: string;
  readonly state: StateDir;
  /** A server of one's own. */
  readonly url?: string;
  /** Of the person's settings. */
  readonly configFile: string;
  readonly passphrase?: string;
  /** What is there already may be replaced. */
  readonly yes: boolean;
  readonly now: () => number;
}

export interface BackedUp {
  readonly file: string;
  readonly encrypted: boolean;
  readonly files: number;
  readonly settings: boolean;
  /** Rows by table; absent: there was no history. */
  readonly tables?: Readonly<Record<string, number>>;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

type Line =
  | { readonly at: number }
  | { readonly file: SavedFile }
  | { readonly config: string }
  | { readonly migrations: readonly Applied[] }
  | { readonly table: string; readonly rows: readonly unknown[] }
  | { readonly end: true };

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

const opened = (address: Address): Database => openDatabase({ address, connectMs: 10_000, queryMs: patientMs });

interface Reached {
  readonly address: Address;
  release(): Promise<void>;
}

async function startAlone(place: Place, state: StateDir): Promise<Reached> {
  const unlock = await state.lock();
  let server: StartedDatabase | undefined;
  try {
    server = await place.start();
  } catch (error) {
    await unlock();
    throw error;
  }
  const started = server;
  const release = async (): Promise<void> => {
    try {
      await started.stop();
    } finally {
      await unlock();
    }
  };
  return { address: started.address, release };
}

/** The database as it runs, or for as long as the backup takes where it does not; undefined: there never was one. */
async function reach({ state, url }: BackupAsk): Promise<Reached | undefined> {
  const place = placeOf({ url, stateDir: state.path });
  const running = await place.find();
  if (running !== undefined) return { address: running, release: async () => undefined };
  if (!(await orUnusable(state.path, () => isThere(join(state.path, 'postgres/data'))))) return undefined;
  return await startAlone(place, state);
}

interface Count {
  files: number;
  settings: boolean;
  tables?: Record<string, number>;
}

async function* stateLines(ask: BackupAsk, at: number, count: Count): AsyncGenerator<string> {
  yield `${JSON.stringify({ at } satisfies Line)}\n`;
  for await (const file of savedFiles(ask.state.path)) {
    count.files += 1;
    yield `${JSON.stringify({ file } satisfies Line)}\n`;
  }
  const config = await readSettings(ask.configFile);
  if (config === undefined) return;
  count.settings = true;
  yield `${JSON.stringify({ config } satisfies Line)}\n`;
}

async function* databaseLines(query: Database['query'], count: Count): AsyncGenerator<string> {
  for await (const part of dumpDatabase(query, await readMigrations())) {
    if (!('table' in part)) {
      count.tables = {};
      yield `${JSON.stringify({ migrations: part } satisfies Line)}\n`;
      continue;
    }
    const { table, rows } = part;
    count.tables = { ...count.tables, [table]: (count.tables?.[table] ?? 0) + rows.length };
    yield `{"table":${JSON.stringify(table)},"rows":[${rows.join(',')}]}\n`;
  }
}

async function* inOne(...parts: readonly AsyncIterable<string>[]): AsyncGenerator<string> {
  for (const part of parts) yield* part;
  yield `${JSON.stringify({ end: true } satisfies Line)}\n`;
}

async function* none(): AsyncGenerator<string> {
  // There is no database.
}

/** Before anything is started for it. */
async function refuseTarget({ file, yes }: BackupAsk): Promise<void> {
  const there = await onFile(file, 'written', () => isThere(file));
  if (there && (await lstat(file)).isDirectory())
    throw new AppError('file-refused', `${file} cannot be written: it is a folder`, { hint: 'Name a file in it.' });
  if (there && !yes) throw new AppError('backup-exists', `${file} is there already`);
}

/** Everything as of one instant, also while a controller works on. Throws `backup-exists`, and `file-refused`. */
export async function saveBackup(ask: BackupAsk): Promise<BackedUp> {
  await refuseTarget(ask);
  const at = ask.now();
  const count: Count = { files: 0, settings: false };
  const reached = await reach(ask);
  const write = (rows: AsyncIterable<string>): Promise<void> =>
    writeBackup(ask.file, inOne(stateLines(ask, at, count), rows), ask.passphrase);
  if (reached === undefined) await write(none());
  else {
    const database = opened(reached.address);
    try {
      await database.transaction(
        async query => {
          await query('set transaction isolation level repeatable read, read only');
          await write(databaseLines(query, count));
        },
        { limitMs: patientMs },
      );
    } finally {
      await database.close();
      await reached.release();
    }
  }
  return { file: ask.file, encrypted: ask.passphrase !== undefined, at, ...count };
}

interface Contents extends Count {
  readonly at: number;
  readonly migrations?: readonly Applied[];
}

async function* linesOf({ file, passphrase }: BackupAsk): AsyncGenerator<Line> {
  for await (const text of readBackup(file, passphrase)) {
    try {
      yield JSON.parse(text) as Line;
    } catch (cause) {
      throw new AppError('backup-broken', `${file}: it is damaged`, { cause });
    }
  }
}

/** Reads all of it once, before anything is touched. */
async function survey(ask: BackupAsk): Promise<Contents> {
  const count: Count = { files: 0, settings: false };
  let [at, ended, migrations]: [number, boolean, readonly Applied[] | undefined] = [0, false, undefined];
  for await (const line of linesOf(ask)) {
    if ('at' in line) at = line.at;
    else if ('file' in line) {
      if (!isSafePath(line.file.path)) throw new AppError('backup-broken', `${ask.file}: ${line.file.path} leads out`);
      count.files += 1;
    } else if ('config' in line) count.settings = true;
    else if ('migrations' in line) [migrations, count.tables] = [line.migrations, {}];
    else if ('table' in line)
      count.tables = { ...count.tables, [line.table]: (count.tables?.[line.table] ?? 0) + line.rows.length };
    else ended = line.end;
  }
  if (!ended) throw new AppError('backup-broken', `${ask.file}: it has no end`);
  if (migrations !== undefined) checkMigrations(migrations, await readMigrations());
  return { at, ...count, ...(migrations === undefined ? {} : { migrations }) };
}

async function* rowsOf(ask: BackupAsk): AsyncGenerator<{ readonly table: string; readonly rows: readonly unknown[] }> {
  for await (const line of linesOf(ask)) if ('table' in line) yield line;
}

/** `loaded` at once, before the server is stopped: that takes its time, and a kill in it must find the documents ready. */
async function restoreDatabase(
  ask: BackupAsk,
  migrations: readonly Applied[],
  place: Place,
  loaded: () => Promise<void>,
): Promise<void> {
  const server = await place.start();
  const database = opened(server.address);
  try {
    const known = await readMigrations();
    const kept = ask.yes ? undefined : await findKept(database.query, known);
    if (kept !== undefined) throw new AppError('backup-exists', `the database there holds ${kept} already`);
    await loadDatabase(database, migrations, known, rowsOf(ask));
    await loaded();
  } finally {
    await database.close();
    await server.stop();
  }
}

async function refuseWhatIsThere({ state, yes, configFile }: BackupAsk, { settings }: Contents): Promise<void> {
  if (yes) return;
  const there = (await namesIn(state.path)).filter(
    name => !name.startsWith('.') && !['lock', 'clusters', 'audit'].includes(name),
  );
  if (there.length > 0)
    throw new AppError('backup-exists', `${state.path} holds ${there.slice(0, 5).join(', ')} already`);
  if (settings && (await isThere(configFile))) throw new AppError('backup-exists', `${configFile} is there already`);
}

/** What failed after the point of no return: nothing is taken back, and the next start goes on with it. */
function unfinished(folder: string, thrown: unknown): AppError {
  const known = asAppError(systemWords(thrown) === undefined ? thrown : unusable(folder, thrown));
  const hint =
    'What the backup has of history is in the database, and its documents are ready. Once this is mended, `portoser run` puts them ' +
    'in place when it starts; the same restore with --yes does so too, and writes the settings.';
  return new AppError(known.code, known.message, { cause: thrown, details: known.details, hint });
}

/**
 * The whole file is read and checked before anything is touched. The documents are staged first, then the database is
 * replaced in one transaction, then the documents are switched: a kill in between leaves the one or the other as it was, or
 * is brought to its end by the next start. Throws `state-dir-busy` while a controller uses the folder, `backup-exists`,
 * `backup-broken`, `backup-passphrase`, `file-refused`, `store-newer`.
 */
export async function restoreBackup(
  ask: BackupAsk,
  place = placeOf({ url: ask.url, stateDir: ask.state.path }),
): Promise<BackedUp> {
  const contents = await survey(ask);
  await refuseWhatIsThere(ask, contents);
  const unlock = await ask.state.lock();
  const { path } = ask.state;
  const staged = await stageFiles(path, randomBytes(6).toString('hex'));
  try {
    let config: string | undefined;
    for await (const line of linesOf(ask)) {
      if ('file' in line) await staged.add(line.file);
      if ('config' in line) config = line.config;
    }
    const settle = async (): Promise<void> => {
      await staged.seal();
      // Here, since the next start knows nothing of them.
      if (config !== undefined) await restoreSettings(ask.configFile, config);
    };
    const { migrations } = contents;
    if (migrations === undefined) await settle();
    else await restoreDatabase(ask, migrations, place, settle);
    await staged.finish();
  } catch (error) {
    if (staged.isSealed()) throw unfinished(path, error);
    await staged.drop();
    throw error;
  } finally {
    await unlock();
  }
  const { at, files, settings, tables } = contents;
  const encrypted = ask.passphrase !== undefined;
  return { file: ask.file, encrypted, at, files, settings, ...(tables === undefined ? {} : { tables }) };
}
