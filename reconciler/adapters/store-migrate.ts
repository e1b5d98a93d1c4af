// Brings a database to the version of this program: files of SQL, forward only, each once, all of an upgrade or nothing.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../schema/errors.js';
import type { Database, Query } from './store-database.js';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of its text, with line ends as git keeps them. */
  readonly checksum: string;
}

/** They lie beside the sources; the built program finds them from the package's root. */
function migrationsFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const folder = join(at, 'reconciler/adapters/migrations');
    if (existsSync(folder)) return folder;
  }
  throw new Error('no migrations above the program');
}

/** `0001-history.sql`, …: numbered without gaps. */
export async function readMigrations(folder = migrationsFolder()): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter(name => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort();
  return await Promise.all(
    names.map(async (file, index) => {
      const version = Number(file.slice(0, 4));
      if (version !== index + 1) throw new Error(`${file} is not number ${index + 1} of the migrations`);
      const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { version, name: file.slice(5, -4), sql, checksum };
    }),
  );
}

export interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** undefined: Portoser has never been here. */
export async function readApplied(query: Query): Promise<readonly Applied[] | undefined> {
  // Not by to_regclass: within a transaction that waited for another one it still answers what it knew before.
  const [found] = await query<{ there: boolean }>(
    `select exists (select from pg_tables where schemaname = 'portoser' and tablename = 'migrations') as there`,
  );
  if (found?.there !== true) return undefined;
  return await query<Applied>('select version, name, checksum from portoser.migrations order by version');
}

/** Throws `store-newer` and `store-changed`. */
export function compare(applied: readonly Applied[], known: readonly Migration[]): void {
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > known.length) {
    const message = `the database is at version ${newest}, and this program knows ${known.length}`;
    throw new AppError('store-newer', message, { details: { there: newest, known: known.length } });
  }
  const other = applied.find((one, index) => known[index]?.checksum !== one.checksum);
  if (other !== undefined)
    throw new AppError('store-changed', `migration ${other.version} (${other.name}) is not the one of this program`);
}

/** Any number that others are unlikely to use: `portoser` in ASCII. */
export const lockKey = '8101826474513785202';
/** A migration over the rows of a year takes its time. */
const patientMs = 600_000;

/**
 * Programs that begin at once wait for each other, where anything is missing; else nobody is waited for. No statement takes
 * longer than `limitMs`. Throws `store-newer`, `store-changed`; answers how many were new.
 */
export async function migrate(
  database: Database,
  known: readonly Migration[],
  limitMs: number = patientMs,
): Promise<number> {
  const applied = await readApplied(database.query);
  compare(applied ?? [], known);
  if (applied?.length === known.length) return 0;
  const work = async (query: Query): Promise<number> => {
    // The server must not go on with what nobody waits for any more.
    await query(`set local statement_timeout = ${limitMs}`);
    return await migrateWithin(query, known);
  };
  return await database.transaction(work, { limitMs });
}

/** Within a transaction of the caller's. */
export async function migrateWithin(query: Query, known: readonly Migration[]): Promise<number> {
  // Held to the end of the transaction, also through poolers that share connections.
  await query(`select pg_advisory_xact_lock(${lockKey})`);
  const before = await readApplied(query);
  if (before === undefined) await begin(query);
  const applied = before ?? [];
  compare(applied, known);
  const missing = known.slice(applied.length);
  for (const { version, name, sql, checksum } of missing) {
    await query(sql);
    const row = [version, name, checksum];
    await query('insert into portoser.migrations (version, name, checksum) values ($1, $2, $3)', row);
  }
  return missing.length;
}

/** A schema of its own: the database may be shared with other programs. */
async function begin(query: Query): Promise<void> {
  await query('create schema if not exists portoser');
  await query(`create table portoser.migrations (
    version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
  )`);
}

/** For those who only read: nothing is made. Throws `store-away` when a writer has to come first. */
export async function checkVersion(database: Database, known: readonly Migration[]): Promise<void> {
  const applied = await readApplied(database.query);
  compare(applied ?? [], known);
  if ((applied?.length ?? 0) === known.length) return;
  const what = applied === undefined ? 'holds no history yet' : 'is of an older version';
  throw new AppError('store-away', `the database ${what}`, {
    hint: '`portoser run` brings it up to date when it starts.',
  });
}
