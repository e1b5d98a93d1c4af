// Brings records to the database, one batch after the other; to disk while it is away, and from there in order when it is back.
import PQueue from 'p-queue';
import { AppError, asAppError } from '../../schema/errors.js';
import type { HistoryRecord, HistoryState } from '../../schema/history.js';
import type { Clock, Log, StateDir } from '../ports.js';
import { type Database, isRefused, openDatabase, storeFault } from './store-database.js';
import { openHouse } from './store-house.js';
import { type Migration, migrate } from './store-migrate.js';
import { openPatience } from './store-patience.js';
import type { Place, StartedDatabase } from './store-place.js';
import type { Spool } from './store-spool.js';
import { openWaitingRoom } from './store-waiting.js';
import { closeLeftOpen, writeRecords } from './store-write.js';

export interface WriterOptions {
  readonly place: Place;
  readonly spool: Spool;
  /** For samples alone. */
  readonly samples: Spool;
  readonly state: Pick<StateDir, 'controllerId'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly migrations: () => Promise<readonly Migration[]>;
  /** For tests of what is bounded. */
  readonly mostQueued?: number;
}

export interface Writer {
  add(record: HistoryRecord, kept?: () => void): void;
  serve(): void;
  state(): HistoryState;
  /** Connected, migrated and caught up. */
  database(): Database | undefined;
  /** Why it is not, as far as that is known. */
  fault(): AppError | undefined;
  close(): Promise<void>;
}

const batchSize = 500;
/** So many wait in memory while a batch is on its way; then it is given up, and all of them wait on disk. */
const usuallyQueued = 5_000;
/** A command that has done its work waits no longer than that for a connection, nor for an answer; the controller has time. */
const commandPatienceMs = 1_500;
const controllerPatienceMs = 10_000;
const catchUpMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 15_000;
/** How often what commands left on disk is looked for. */
const roundMs = 60_000;

export function openWriter(options: WriterOptions): Writer {
  const { place, spool, clock, log, mostQueued = usuallyQueued } = options;
  const work = new PQueue({ concurrency: 1 });
  const queue: { readonly record: HistoryRecord; readonly kept?: () => void }[] = [];
  const begunAt = clock.now();
  let database: Database | undefined;
  let server: StartedDatabase | undefined;
  let fault: AppError | undefined;
  let serving: Promise<void> | undefined;
  const stopping = new AbortController();
  const house = openHouse({ clock, log, signal: stopping.signal });
  let wake = new AbortController();
  const room = openWaitingRoom(options);
  let attempt: Promise<void> | undefined;
  let obstacle: Promise<AppError | undefined> | undefined;
  const patience = openPatience();

  /** Asked once; but a question that failed is asked again. */
  const obstacleOnce = (): Promise<AppError | undefined> =>
    (obstacle ??= place.obstacle().catch((thrown: unknown) => {
      obstacle = undefined;
      throw thrown;
    }));

  /** Told once for each reason, not at each attempt. */
  function failed(thrown: unknown): void {
    const error = thrown instanceof AppError ? thrown : storeFault(thrown);
    const known = fault?.message === error.message;
    fault = error;
    const what = error.code === 'store-none' ? 'history is not kept' : 'history waits for its database';
    if (!known) log.warn({ code: error.code, why: error.message, hint: error.hint }, what);
  }

  function lose(thrown: unknown): void {
    const gone = database;
    database = undefined;
    failed(thrown);
    void gone?.close().catch(() => undefined);
    wake.abort();
  }

  async function connect(address: Parameters<typeof openDatabase>[0]['address']): Promise<Database> {
    const patienceMs = serving === undefined ? commandPatienceMs : controllerPatienceMs;
    const opened = openDatabase({
      address,
      connectMs: patienceMs,
      queryMs: patienceMs,
      onLost: () => {
        if (database === opened) lose(new AppError('store-away', 'the connection to the database was lost'));
      },
    });
    try {
      // Whoever restores or migrates may hold it for minutes: for a command that has done its work that is too long.
      await migrate(opened, await options.migrations(), serving === undefined ? patienceMs : undefined);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** One that the database cannot keep is left out; the others are kept. */
  async function write(to: Database, records: readonly HistoryRecord[], limitMs?: number): Promise<void> {
    const controller = await options.state.controllerId();
    const more = limitMs === undefined ? {} : { limitMs };
    try {
      await patience.during(to.transaction(query => writeRecords(query, records, controller), more));
    } catch (error) {
      if (!isRefused(error)) throw error;
      const [first] = records;
      if (records.length > 1) for (const one of records) await write(to, [one], limitMs);
      else log.error({ err: error, kind: first?.kind }, 'the database refused a record of history');
    }
  }

  async function catchUp(to: Database): Promise<void> {
    const { waiting } = room.count();
    const take = (records: readonly HistoryRecord[]): Promise<void> => write(to, records, catchUpMs);
    await room.drain(take);
    // A command that found its database leaves them to the controller, which has time.
    if (serving !== undefined) await room.drainSamples(take);
    if (waiting > 0) log[fault === undefined ? 'debug' : 'info']({ records: waiting }, 'history is caught up');
  }

  /** A command looks once whether there is a database; starting it is not its business. */
  async function reach(): Promise<void> {
    try {
      const address = await place.find();
      if (address === undefined) return;
      database = await connect(address);
      fault = undefined;
    } catch (error) {
      failed(error);
    }
  }

  /** Nobody waits at the end of a command for a long time's records. */
  const tooMuchForTheEnd = async (): Promise<boolean> =>
    room.occupied() && stopping.signal.aborted && (await spool.waiting()) > batchSize;

  /** Answers whether nothing of it has to wait. */
  async function toDatabase(records: readonly HistoryRecord[]): Promise<boolean> {
    if ((await obstacleOnce()) !== undefined) return true;
    if (serving === undefined) await (attempt ??= reach());
    if (database !== undefined && !(await tooMuchForTheEnd())) {
      const to = database;
      try {
        if (room.occupied()) await catchUp(to);
        await write(to, records);
        return true;
      } catch (error) {
        if (database === to) lose(error);
      }
    }
    return false;
  }

  /** Whatever fails, nothing is lost by it. */
  async function put(records: readonly HistoryRecord[]): Promise<void> {
    try {
      if (await toDatabase(records)) return;
    } catch (error) {
      failed(error);
    }
    await room.keep(records);
  }

  async function flush(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, batchSize);
      await put(batch.map(one => one.record));
      room.tellWhenSafe(batch.flatMap(one => one.kept ?? []));
    }
  }

  async function orLose(of: Database, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (database === of) lose(error);
    }
  }

  async function bringUp(): Promise<void> {
    const why = await obstacleOnce();
    if (why !== undefined) throw why;
    server = await place.start();
    const opened = await connect(server.address);
    await work.add(async () => {
      try {
        await catchUp(opened);
        const controller = await options.state.controllerId();
        await opened.transaction(query => closeLeftOpen(query, controller, begunAt));
        if (fault !== undefined) log.info({}, 'history is kept again');
        const before = database;
        [database, fault] = [opened, undefined];
        await before?.close();
      } catch (error) {
        await opened.close();
        throw error;
      }
    });
  }

  async function round(): Promise<void> {
    await work.add(async () => {
      if (database !== undefined) await orLose(database, catchUp(database));
    });
  }

  async function rest(forMs: number): Promise<void> {
    wake = new AbortController();
    if (stopping.signal.aborted) return;
    await clock.sleep(forMs, wake.signal).catch((thrown: unknown) => {
      if (asAppError(thrown).code !== 'interrupted') throw thrown;
    });
  }

  async function keepUp(): Promise<void> {
    await work.add(() => room.look());
    for (let pauseMs = firstPauseMs; !stopping.signal.aborted;) {
      if (database !== undefined && server !== undefined) {
        pauseMs = firstPauseMs;
        if (house.isDue()) await orLose(database, house.keep(database));
        else {
          await rest(roundMs);
          await round();
        }
        continue;
      }
      try {
        await bringUp();
      } catch (error) {
        failed(error);
        if ((await obstacleOnce().catch(() => undefined)) !== undefined) return;
        await work.add(() => room.settle());
        await rest(pauseMs);
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    }
  }

  async function close(): Promise<void> {
    for (const one of [stopping, wake]) one.abort();
    await serving;
    await work.onIdle();
    await room.settle();
    const { inMemory } = room.count();
    if (inMemory > 0) log.error({ dropped: inMemory }, 'records of history were lost');
    try {
      await database?.close();
      database = undefined;
      await server?.stop();
      server = undefined;
    } catch (err) {
      log.error({ err }, 'the database did not end in order');
    }
  }

  return {
    add: (record, kept) => {
      if (stopping.signal.aborted) return;
      queue.push({ record, ...(kept && { kept }) });
      // One for all that come until it begins.
      if (queue.length > mostQueued) patience.end();
      if (queue.length === 1)
        work.add(flush).catch((thrown: unknown) => log.error({ err: thrown }, 'records of history were lost'));
    },
    serve: () => {
      serving ??= keepUp().catch((thrown: unknown) => {
        log.error({ err: thrown }, 'history is not kept up any more');
        failed(thrown);
      });
    },
    state: () => {
      if (database !== undefined) return { state: 'kept' };
      if (fault === undefined) return { state: 'starting' };
      const said = { why: fault.message, hint: fault.hint };
      if (fault.code === 'store-none') return { state: 'none', ...said };
      const { waiting, dropped } = room.count();
      return { state: 'away', ...said, waiting, dropped };
    },
    database: () => database,
    fault: () => fault,
    close,
  };
}
