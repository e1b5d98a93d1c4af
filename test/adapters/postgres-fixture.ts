// Embedded PostgreSQL for tests: one server for a test file, a database for each test; everything goes away at the end.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, onTestFinished } from 'vitest';
import { databaseRole, type RunningPostgres, startPostgres } from '../../reconciler/adapters/postgres.js';
import { openDatabase } from '../../reconciler/adapters/store-database.js';
import { migrate, readMigrations } from '../../reconciler/adapters/store-migrate.js';

/** A folder that the server's user can pass through, as that of a system service. */
export async function openFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'portoser-store-')));
  await chmod(folder, 0o711);
  return folder;
}

/** A folder for one test. */
export async function scratchFolder(): Promise<string> {
  const folder = await openFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

let shared: Promise<{ readonly server: RunningPostgres; readonly folder: string }> | undefined;

async function startShared() {
  const folder = await openFolder();
  return { folder, server: await startPostgres(join(folder, 'state')) };
}

/** To be called by a test file that uses databases of the shared server. */
export function useServer(): void {
  afterAll(async () => {
    const started = await shared;
    shared = undefined;
    await started?.server.stop();
    if (started !== undefined) await rm(started.folder, { recursive: true, force: true });
  });
}

export async function inDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const urlOf = (host: string, database: string): string =>
  `socket://${databaseRole}:@${host}?db=${database}`.replace(':@', '@');

/** A fresh database; the address is one for DATABASE_URL. */
export async function makeDatabase(): Promise<string> {
  const { server } = await (shared ??= startShared());
  const name = `t${randomBytes(6).toString('hex')}`;
  await inDatabase(urlOf(server.host, 'postgres'), client => client.query(`create database ${name}`));
  return urlOf(server.host, name);
}

/** One with the tables of history: a single command has no patience to make them. */
export async function makeHistory(): Promise<string> {
  const url = await makeDatabase();
  const database = openDatabase({ address: { url }, connectMs: 30_000, queryMs: 30_000 });
  try {
    await migrate(database, await readMigrations());
  } finally {
    await database.close();
  }
  return url;
}
