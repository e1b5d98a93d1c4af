// The database in a backup: every table of ours as rows of JSON, taken at one instant; brought back in one transaction.
import { AppError } from '../../schema/errors.js';
import type { Database, Query } from './store-database.js';
import { type Applied, compare, type Migration, migrateWithin, readApplied } from './store-migrate.js';

/** Rows that are held in memory at a time. */
const batch = 100;
/** For each statement: a table of a year, and a migration over it, take their time. */
export const patientMs = 600_000;

/** Ours but the migrations, a table after those that it refers to. */
async function tablesOf(query: Query): Promise<readonly string[]> {
  const rows = await query<{ name: string; needs: string[] }>(
    `select c.relname as name, coalesce(array_agg(f.relname) filter (where f.relname is not null and f.relname <> c.relname), '{}')::text[] as needs
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     left join pg_constraint as k on k.conrelid = c.oid and k.contype = 'f'
     left join pg_class as f on f.oid = k.confrelid
     where n.nspname = 'portoser' and c.relkind = 'r' and c.relname <> 'migrations'
     group by c.relname order by c.relname`,
  );
  const left = [...rows];
  const sorted: string[] = [];
  while (left.length > 0) {
    const at = left.findIndex(one => one.needs.every(name => sorted.includes(name)));
    sorted.push(...left.splice(Math.max(at, 0), 1).map(one => one.name));
  }
  return sorted;
}

const quoted = (name: string): string => `portoser."${name.replaceAll('"', '""')}"`;

export interface TableRows {
  readonly table: string;
  /** JSON texts, one a row. */
  readonly rows: readonly string[];
}

/** Which migrations it has, and then its rows; nothing where we have never been. Within a transaction that sees one instant. */
export async function* dumpDatabase(query: Query): AsyncGenerator<readonly Applied[] | TableRows> {
  const applied = await readApplied(query);
  if (applied === undefined) return;
  yield applied.map(({ version, name, checksum }) => ({ version, name, checksum }));
  for (const table of await tablesOf(query)) {
    await query(`declare saved no scroll cursor for select to_jsonb(t)::text as row from ${quoted(table)} as t`);
    for (;;) {
      const rows = (await query<{ row: string }>(`fetch ${batch} from saved`)).map(one => one.row);
      if (rows.length > 0) yield { table, rows };
      if (rows.length < batch) break;
    }
    await query('close saved');
  }
}

/** Throws `store-newer` and `store-changed` for what this program cannot bring back. */
export function checkMigrations(saved: readonly Applied[], known: readonly Migration[]): void {
  compare(saved, known);
}

/** Numbers that the database gives itself go on behind the highest one. */
async function continueNumbers(query: Query): Promise<void> {
  const columns = await query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = 'portoser' and is_identity = 'YES'`,
  );
  for (const { table, column } of columns) {
    const highest = `(select max("${column}") from ${quoted(table)})`;
    await query(`select setval(pg_get_serial_sequence($1, $2), coalesce(${highest}, 1), ${highest} is not null)`, [
      quoted(table),
      column,
    ]);
  }
}

/** All of ours there is replaced, or nothing: the version of the backup is made, filled, and then brought up to date. */
export async function loadDatabase(
  database: Database,
  saved: readonly Applied[],
  known: readonly Migration[],
  rows: AsyncIterable<{ readonly table: string; readonly rows: readonly unknown[] }>,
): Promise<void> {
  await database.transaction(
    async query => {
      await query('drop schema if exists portoser cascade');
      await migrateWithin(query, known.slice(0, saved.length));
      const tables = new Set(await tablesOf(query));
      for await (const { table, rows: some } of rows) {
        if (!tables.has(table)) throw new AppError('backup-broken', `there is no table ${table} in that version`);
        await query(
          `insert into ${quoted(table)} overriding system value
           select * from jsonb_populate_recordset(null::${quoted(table)}, $1::jsonb)`,
          [JSON.stringify(some)],
        );
      }
      await continueNumbers(query);
      await migrateWithin(query, known);
    },
    { limitMs: patientMs },
  );
}

/** Whether anything of ours is kept there. */
export async function isEmpty(query: Query): Promise<boolean> {
  if ((await readApplied(query)) === undefined) return true;
  for (const table of await tablesOf(query)) {
    const [found] = await query<{ there: boolean }>(`select exists (select from ${quoted(table)}) as there`);
    if (found?.there === true) return false;
  }
  return true;
}
