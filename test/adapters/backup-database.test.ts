// Bringing a database back replaces our tables alone: what others keep beside them, or make of them, is never lost by it.
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { dumpDatabase, findKept, loadDatabase } from '../../reconciler/adapters/backup-database.js';
import { type Database, openDatabase } from '../../reconciler/adapters/store-database.js';
import { readMigrations } from '../../reconciler/adapters/store-migrate.js';
import { makeDatabase, makeHistory, useServer } from './postgres-fixture.js';

useServer();

const known = await readMigrations();

async function* noRows(): AsyncGenerator<never> {
  // It is about what was there before.
}

async function within<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase({ address: { url }, connectMs: 10_000, queryMs: 10_000 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const load = (database: Database) => loadDatabase(database, known, known, noRows());
const event = `insert into portoser.events (id, at, kind, text) values ('one', now(), 'run.ended', '')`;

it('a schema of our name that is a person’s counts, and stays', async () => {
  await within(await makeDatabase(), async database => {
    expect(await findKept(database.query, known)).toBeUndefined();
    await database.query('create schema portoser');
    expect(await findKept(database.query, known)).toBeUndefined();
    await database.query('create table portoser.notes (id bigint generated always as identity, text text)');
    await database.query(`insert into portoser.notes (text) values ('mine')`);
    expect(await findKept(database.query, known)).toContain('notes');
    await load(database);
    expect(await database.query('select text from portoser.notes')).toEqual([{ text: 'mine' }]);
    // Neither is it in a backup, which could not be brought back elsewhere.
    const tables = await database.transaction(async query => {
      const found: string[] = [];
      for await (const part of dumpDatabase(query, known)) if ('table' in part) found.push(part.table);
      return found;
    });
    expect(tables).not.toContain('notes');
    expect(await findKept(database.query, known)).toContain('notes');
  });
});

it('ours counts from its first row, and is replaced', async () => {
  await within(await makeHistory(), async database => {
    expect(await findKept(database.query, known)).toBeUndefined();
    await database.query(event);
    expect(await findKept(database.query, known)).toContain('history');
    await load(database);
    expect(await findKept(database.query, known)).toBeUndefined();
  });
});

it.each([
  ['elsewhere', 'create view public.report as select id from portoser.events', 'report'],
  ['in our schema', 'create view portoser.report as select id from portoser.events', 'report'],
  ['by a reference', 'create table public.tags (run text constraint of_run references portoser.runs)', 'of_run'],
])('what was made of our tables %s is named and stays', async (_, made, name) => {
  await within(await makeHistory(), async database => {
    await database.query(event);
    await database.query(made);
    await expect(load(database)).rejects.toMatchObject({
      code: 'backup-exists',
      message: expect.stringContaining(name) as string,
      hint: expect.not.stringContaining('--yes') as string,
    });
    expect(await database.query('select id from portoser.events')).toEqual([{ id: 'one' }]);
  });
});

it('what bears the name of one of our tables and is none is named and stays', async () => {
  await within(await makeDatabase(), async database => {
    await database.query('create schema portoser');
    await database.query('create table portoser.events (mine text)');
    await expect(load(database)).rejects.toMatchObject({
      code: 'backup-exists',
      message: expect.stringContaining('"events"') as string,
    });
    expect(await database.query('select mine from portoser.events')).toEqual([]);
  });
});

it('what others may do with them stays: of tables, and of the schema', async () => {
  await within(await makeHistory(), async database => {
    const role = `reader_${randomBytes(4).toString('hex')}`;
    await database.query(`create role ${role}`);
    try {
      await database.query(`grant usage on schema portoser to ${role}`);
      await database.query(`grant select on portoser.events to public`);
      await database.query(`grant select, insert on portoser.runs to ${role} with grant option`);
      // Of a table that this version does not have any more.
      await database.query('create table portoser.later (id text)');
      await database.query(`grant select on portoser.later to ${role}`);
      await database.query(`insert into portoser.migrations (version, name, checksum) values (99, 'later', 'x')`);
      await load(database);
      const [may] = await database.query(
        `select has_schema_privilege($1, 'portoser', 'usage') as schema, has_table_privilege($1, 'portoser.events', 'select') as events,
           has_table_privilege($1, 'portoser.runs', 'insert with grant option') as runs, has_table_privilege($1, 'portoser.runs', 'delete') as more`,
        [role],
      );
      expect(may).toEqual({ schema: true, events: true, runs: true, more: false });
    } finally {
      await database.query(`drop owned by ${role}`);
      await database.query(`drop role ${role}`);
    }
  });
});

it('tables of a newer version go with the rest', async () => {
  await within(await makeHistory(), async database => {
    await database.query('create table portoser.later (id text)');
    await database.query(`insert into portoser.migrations (version, name, checksum) values (99, 'later', 'x')`);
    await load(database);
    const [found] = await database.query<{ there: boolean }>(
      `select to_regclass('portoser.later') is not null as there`,
    );
    expect(found?.there).toBe(false);
  });
});

it('every relation that migrations make is known as one of ours', async () => {
  await within(await makeHistory(), async database => {
    expect(await findKept(database.query, known)).toBeUndefined();
  });
});
