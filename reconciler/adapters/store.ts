// The diary in PostgreSQL: noted through a writer that never makes anybody wait, read from the database where one runs.
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { Clock, Log, StateDir, Store } from '../ports.js';
import { type Database, openDatabase, type Query, sqlState, storeFault } from './store-database.js';
import { readAudit, readAuditHead } from './store-audit.js';
import { checkVersion, type Migration, readMigrations } from './store-migrate.js';
import { placeOf } from './store-place.js';
import {
  readDeliveries,
  readDeployment,
  readDeployments,
  readEvents,
  readTransitions,
  readTransitionsSince,
} from './store-read.js';
import { readNewest, readSamples, readSpans } from './store-samples.js';
import { openSpool } from './store-spool.js';
import { openWriter } from './store-writer.js';

export interface StoreOptions {
  /** A server of one's own; absent: the embedded one of the state folder. */
  readonly url?: string;
  /** No user is made for the embedded one: for root it runs as one that is there. Default: false. */
  readonly guest?: boolean;
  readonly state: StateDir;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** For tests of what is bounded. */
  readonly spool?: { readonly fileBytes: number; readonly totalBytes: number };
  readonly samplesSpool?: { readonly fileBytes: number; readonly totalBytes: number };
  readonly mostQueued?: number;
  readonly migrations?: () => Promise<readonly Migration[]>;
}

/** They have a room of their own, so that they take nothing else's; about a day of three machines, or hours of twenty. */
const samplesRoom = { fileBytes: 512 * 1024, totalBytes: 4 * 1024 * 1024 };
const connectMs = 5_000;
const queryMs = 30_000;

/** Opens nothing and starts nothing yet: that is done by the first record, the first question, or `serve`. */
export function openStore(options: StoreOptions): Store {
  const { state, clock, log, newId, migrations = readMigrations } = options;
  const place = placeOf({ url: options.url, stateDir: state.path, ...(options.guest && { guest: true }) });
  const folder = join(state.path, 'history');
  const own = { processName: state.processName, runs: (name: string) => state.runs(name), now: () => clock.now(), log };
  const spool = openSpool({ folder, ...own, ...options.spool });
  const samples = openSpool({ folder: join(folder, 'samples'), ...own, ...samplesRoom, ...options.samplesSpool });
  const most = options.mostQueued === undefined ? {} : { mostQueued: options.mostQueued };
  const writer = openWriter({ place, spool, samples, state, clock, log, newId, migrations, ...most });
  let reader: Promise<Database> | undefined;

  async function openReader(): Promise<Database> {
    const address = await place.find();
    if (address === undefined) throw (await place.obstacle()) ?? writer.fault() ?? notRunning();
    const opened = openDatabase({ address, connectMs, queryMs });
    try {
      await checkVersion(opened, await migrations());
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** What was asked in vain is asked anew the next time. */
  async function read<T>(ask: (query: Query) => Promise<T>): Promise<T> {
    try {
      const from = writer.database() ?? (await (reader ??= openReader()));
      return await ask(from.query);
    } catch (error) {
      if (!(error instanceof AppError) && sqlState(error) !== undefined && !isAway(error)) throw error;
      await forget();
      throw storeFault(error);
    }
  }

  async function forget(): Promise<void> {
    const gone = reader;
    reader = undefined;
    await gone?.then(
      database => database.close(),
      () => undefined,
    );
  }

  return {
    record: (record, kept) => writer.add(record, kept),
    serve: () => writer.serve(),
    state: () => writer.state(),
    deployments: ask => read(query => readDeployments(query, ask)),
    deployment: prefix => read(query => readDeployment(query, prefix)),
    events: ask => read(query => readEvents(query, ask)),
    transitions: (key, since) => read(query => readTransitions(query, key, since)),
    transitionsSince: ask => read(query => readTransitionsSince(query, ask)),
    deliveries: limit => read(query => readDeliveries(query, limit)),
    samples: ask => read(query => readSamples(query, ask, clock.now())),
    spans: ask => read(query => readSpans(query, ask, clock.now())),
    newest: machine => read(query => readNewest(query, machine, clock.now())),
    auditHead: log => read(query => readAuditHead(query, log)),
    audit: ask => read(query => readAudit(query, ask)),
    close: async () => {
      await forget();
      await writer.close();
    },
  };
}

/** 08: connection. 28: login. 53: no room. 57: it is going down. Anything else that it says is a bug of ours. */
const isAway = (error: unknown): boolean => /^(08|28|53|57)/.test(sqlState(error) ?? '');

const notRunning = (): AppError =>
  new AppError('store-none', 'the database of this state folder does not run', {
    hint: 'Start `portoser run`, which starts it and takes along what was deployed meanwhile; when one runs, `portoser status` says why it has none. Or set DATABASE_URL to a PostgreSQL of your own.',
  });
