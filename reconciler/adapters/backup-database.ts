// The database in a backup: every table of ours as rows of JSON, taken at one instant; brought back in one transaction.
import { AppError } from '../../schema/errors.js';
import { type Database, type Query, sqlState } from './store-database.js';
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

/** What these migrations make, besides their own table: in the same schema a person may keep other things. */
const madeBy = (known: readonly Migration[]): readonly string[] =>
  known.flatMap(({ sql }) => Array.from(sql.matchAll(/^create table portoser\.(\w+)/gm), ([, name = '']) => name));

/**
 * Ours there, but the migrations; undefined: we have never been there. Of a version that is not known here, as on the way
 * back from a newer one, all tables of the schema are taken for ours.
 */
async function ourTables(query: Query, known: readonly Migration[]): Promise<readonly string[] | undefined> {
  const applied = await readApplied(query);
  if (applied === undefined) return undefined;
  const tables = await tablesOf(query);
  if (applied.some((one, index) => known[index]?.checksum !== one.checksum)) return tables;
  const made = madeBy(known.slice(0, applied.length));
  return tables.filter(name => made.includes(name));
}

const quoted = (name: string): string => `portoser."${name.replaceAll('"', '""')}"`;

export interface TableRows {
  readonly table: string;
  /** JSON texts, one a row. */
  readonly rows: readonly string[];
}

/** Which migrations it has, and then its rows; nothing where we have never been. Within a transaction that sees one instant. */
export async function* dumpDatabase(
  query: Query,
  known: readonly Migration[],
): AsyncGenerator<readonly Applied[] | TableRows> {
  const applied = await readApplied(query);
  if (applied === undefined) return;
  yield applied.map(({ version, name, checksum }) => ({ version, name, checksum }));
  for (const table of (await ourTables(query, known)) ?? []) {
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
async function continueNumbers(query: Query, tables: readonly string[]): Promise<void> {
  const columns = await query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = 'portoser' and is_identity = 'YES' and table_name = any($1)`,
    [tables],
  );
  for (const { table, column } of columns) {
    const highest = `(select max("${column}") from ${quoted(table)})`;
    await query(`select setval(pg_get_serial_sequence($1, $2), coalesce(${highest}, 1), ${highest} is not null)`, [
      quoted(table),
      column,
    ]);
  }
}

interface Grant {
  readonly table: string;
  /** A statement that says it again. */
  readonly sql: string;
}

/** What a person has let others do with our tables: it goes with them. */
async function grantsOf(query: Query): Promise<readonly Grant[]> {
  return await query<Grant & { [column: string]: unknown }>(
    `select c.relname as table, format('grant %s on portoser.%I to %s%s', a.privilege_type, c.relname,
       case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
       case when a.is_grantable then ' with grant option' else '' end) as sql
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace cross join aclexplode(c.relacl) as a
     where n.nspname = 'portoser' and c.relkind = 'r' and a.grantee <> c.relowner`,
  );
}

/** By their names: what others keep in the schema stays, and what depends on ours keeps it from going. */
async function dropOurs(query: Query, known: readonly Migration[]): Promise<void> {
  const ours = await ourTables(query, known);
  if (ours !== undefined) await query(`drop table ${[...ours, 'migrations'].map(quoted).join(', ')}`);
}

/** What others have made there and we would have to destroy; anything else as it was thrown. */
function asRefusal(thrown: unknown): unknown {
  // 2BP01: something depends on a table. 42P07: something else bears its name (PostgreSQL, appendix A).
  const state = sqlState(thrown);
  if (state !== '2BP01' && state !== '42P07') return thrown;
  const { message, detail = message } = thrown as { readonly message: string; readonly detail?: string };
  const what = detail.split('\n').slice(0, 5).join('; ');
  return new AppError('backup-exists', `the database there holds what is not Portoser's: ${what}`, {
    cause: thrown,
    hint: 'Nothing was changed. Keep its definition, drop it, or move it out of the way, restore, and make it again.',
  });
}

/**
 * All of ours there is replaced, or nothing: the version of the backup is made, filled, and then brought up to date. Throws
 * `backup-exists` where something of others would have to go for that.
 */
export async function loadDatabase(
  database: Database,
  saved: readonly Applied[],
  known: readonly Migration[],
  rows: AsyncIterable<{ readonly table: string; readonly rows: readonly unknown[] }>,
): Promise<void> {
  const version = known.slice(0, saved.length);
  const tables = madeBy(version);
  const load = async (query: Query): Promise<void> => {
    const grants = await grantsOf(query);
    await dropOurs(query, known);
    await migrateWithin(query, version);
    for await (const { table, rows: some } of rows) {
      if (!tables.includes(table)) throw new AppError('backup-broken', `there is no table ${table} in that version`);
      await query(
        `insert into ${quoted(table)} overriding system value
         select * from jsonb_populate_recordset(null::${quoted(table)}, $1::jsonb)`,
        [JSON.stringify(some)],
      );
    }
    await continueNumbers(query, tables);
    await migrateWithin(query, known);
    const made = madeBy(known);
    for (const grant of grants) if (made.includes(grant.table)) await query(grant.sql);
  };
  try {
    await database.transaction(load, { limitMs: patientMs });
  } catch (error) {
    throw asRefusal(error);
  }
}

/** All that queries can name in the schema; numbers that a column gives itself belong to its table. */
async function relationsOf(query: Query): Promise<readonly string[]> {
  const rows = await query<{ name: string }>(
    `select c.relname as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = 'portoser' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not exists (
       select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and c.relkind = 'S' and d.deptype in ('a', 'i')
     ) order by c.relname`,
  );
  return rows.map(one => one.name);
}

/** What is kept there already, in words; undefined: nothing, at most our tables without rows. */
export async function findKept(query: Query, known: readonly Migration[]): Promise<string | undefined> {
  const ours = await ourTables(query, known);
  for (const table of ours ?? []) {
    const [found] = await query<{ there: boolean }>(`select exists (select from ${quoted(table)}) as there`);
    if (found?.there === true) return 'history';
  }
  const mine = ours === undefined ? [] : [...ours, 'migrations'];
  const others = (await relationsOf(query)).filter(name => !mine.includes(name));
  return others.length === 0 ? undefined : `a schema "portoser" with ${others.slice(0, 5).join(', ')}`;
}
