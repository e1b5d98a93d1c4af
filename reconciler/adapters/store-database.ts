// A PostgreSQL through its driver (pg): queries, transactions, and its faults as errors of the catalogue.
import pg from 'pg';
import { AppError } from '../../schema/errors.js';

export interface Query {
  <R extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<readonly R[]>;
}

export interface Database {
  readonly query: Query;
  /** All of it or nothing. What `work` throws is thrown on. */
  transaction<T>(work: (query: Query) => Promise<T>, more?: { readonly limitMs?: number }): Promise<T>;
  close(): Promise<void>;
}

/** Of a server that we started: the folder of its socket. Of another: its address. */
export type Address = { readonly socketFolder: string; readonly role: string } | { readonly url: string };

export interface DatabaseOptions {
  readonly address: Address;
  readonly connectMs: number;
  /** No single query takes longer, unless it says so. */
  readonly queryMs: number;
  /** A connection that nobody used just then went away. */
  readonly onLost?: () => void;
}

const configOf = (address: Address): pg.PoolConfig =>
  'url' in address
    ? { connectionString: address.url }
    : // Said, so that PGSSLMODE and the like of this process's environment do not.
      { host: address.socketFolder, port: 5432, user: address.role, database: 'postgres', ssl: false };

/** The database itself answered so: SQLSTATE has five characters (PostgreSQL, appendix A). */
export const sqlState = (error: unknown): string | undefined => {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

/** 22: the values cannot be kept. 23: they contradict what is kept. 54: they are too large. Trying again cannot help. */
export const isRefused = (error: unknown): boolean => /^(22|23|54)/.test(sqlState(error) ?? '');

/** Addresses hold passwords; what the driver says of them does not. */
export function storeFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const state = sqlState(error);
  const { message, code } = error as NodeJS.ErrnoException;
  // Several addresses tried in vain: their messages stand in the parts.
  const parts = error instanceof AggregateError ? error.errors.map(one => (one as Error).message).join('; ') : '';
  const said = message || parts || code || 'no answer';
  const more = state === '28P01' || state === '28000' || state === '42501' ? { hint: denied } : {};
  return new AppError('store-away', `the database does not answer: ${said}`, { cause: error, ...more });
}

const denied = 'Check user and password in DATABASE_URL; the user must be allowed to create a schema in that database.';

/** Opens no connection yet. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    ...configOf(options.address),
    max: 4,
    connectionTimeoutMillis: options.connectMs,
    query_timeout: options.queryMs,
    keepAlive: true,
    application_name: 'portoser',
    allowExitOnIdle: true,
  });
  pool.on('error', () => options.onLost?.());
  // The pool hands a new one over without a listener, and its end may stand in the same packet as its greeting: that would
  // end this process. Whoever uses it is told by the query that fails.
  pool.on('connect', client => client.on('error', () => undefined));

  async function query<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) {
    return (await pool.query<R>(sql, [...values])).rows;
  }

  async function transaction<T>(work: (query: Query) => Promise<T>, more: { readonly limitMs?: number } = {}) {
    const client = await pool.connect();
    let broken: Error | undefined;
    // Between two queries a connection that goes away has nobody else to tell.
    const lost = (error: Error): void => void (broken = error);
    client.on('error', lost);
    const limit = more.limitMs === undefined ? {} : { query_timeout: more.limitMs };
    const inside: Query = async (sql, values = []) =>
      (await client.query({ text: sql, values: [...values], ...limit } as pg.QueryConfig)).rows as never;
    try {
      await client.query('begin');
      const result = await work(inside);
      await client.query('commit');
      return result;
    } catch (error) {
      // Without an SQLSTATE nobody knows what the connection is in the middle of.
      if (sqlState(error) === undefined) broken ??= error as Error;
      else await client.query('rollback').catch((thrown: Error) => (broken = thrown));
      throw error;
    } finally {
      client.off('error', lost);
      client.release(broken);
    }
  }

  return { query, transaction, close: () => pool.end() };
}
