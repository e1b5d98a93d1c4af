// Samples in PostgreSQL: rollups are what a plain computation gives, whatever arrives when; and samples never cost history its room.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../reconciler/adapters/store-database.js';
import { migrate, readMigrations } from '../../reconciler/adapters/store-migrate.js';
import { readNewest, readSamples, readSpans, tidySamples } from '../../reconciler/adapters/store-samples.js';
import { writeRecords } from '../../reconciler/adapters/store-write.js';
import { choiceOf, type Measurement, type SamplePoint } from '../../schema/samples.js';
import { eventRecord } from '../contracts/store.js';
import { pointsOf, spansOf } from '../fakes/samples.js';
import { until } from '../scenarios/until.js';
import { inDatabase, makeDatabase, scratchFolder, useServer } from './postgres-fixture.js';
import { openTestStore, removeAtMost } from './store-fixture.js';

useServer();
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
/** Of the day before yesterday, since what is older than a year is not kept; at a time within five minutes, hour and day. */
const now = Math.floor(Date.now() / 86_400_000 - 2) * 86_400_000 + 12_123_456;
const limitMs = 30_000;

async function withDatabase<T>(work: (database: Database) => Promise<T>, url?: string): Promise<T> {
  const address = { url: url ?? (await makeDatabase()) };
  const database = openDatabase({ address, connectMs: 10_000, queryMs: 10_000 });
  try {
    await migrate(database, await readMigrations());
    return await work(database);
  } finally {
    await database.close();
  }
}

const keep = (database: Database, measured: readonly Measurement[]): Promise<void> =>
  database.transaction(query =>
    writeRecords(
      query,
      measured.map(measurement => ({ kind: 'samples', measurement })),
      'c',
    ),
  );

type Row = SamplePoint & { readonly machine: string; readonly name: string };

/** As they stand there, which is not what a reader sees before all is counted. */
const rollups = (database: Database, table: string): Promise<readonly Row[]> =>
  database.query<Row>(
    `select machine, name, (extract(epoch from at) * 1000)::float8 as at, count, sum / count as avg, min, max
     from portoser.${table} order by machine collate "C", name collate "C", at`,
  );

const machines = ['m1', 'm2'] as const;
const names = ['cpu_ratio', 'load1'] as const;

const plain = (measured: readonly Measurement[], stepMs: number): readonly Row[] =>
  machines.flatMap(machine =>
    names.flatMap(name =>
      pointsOf(
        measured.filter(one => one.machine === machine),
        name,
        { from: 0, to: now + 400 * day, stepMs },
      ).map(point => ({ machine, name, ...point })),
    ),
  );

/** Sums depend on their order by a few of the last bits. */
const rounded = <T extends { readonly avg: number }>(rows: readonly T[]): readonly T[] =>
  rows.map(row => ({ ...row, avg: Math.round(row.avg * 1e6) / 1e6 }));

const measurement = (spreadMs: number): fc.Arbitrary<Measurement> =>
  fc.record({
    machine: fc.constantFrom(...machines),
    at: fc.nat(spreadMs).map(ago => now - ago),
    values: fc.dictionary(
      fc.constantFrom(...names),
      fc.integer({ min: -4000, max: 4000 }).map(n => n / 4),
      { minKeys: 1 },
    ),
  });

/** What is kept of several of one machine and instant: the first value of each name. */
function once(measured: readonly Measurement[]): readonly Measurement[] {
  const kept = new Map<string, Measurement>();
  for (const { machine, at, values } of measured) {
    const id = `${machine} ${at}`;
    kept.set(id, { machine, at, values: { ...values, ...kept.get(id)?.values } });
  }
  return [...kept.values()];
}

type Act = { readonly arrive: readonly Measurement[] } | { readonly again: number } | 'tidy' | 'broken tidy';

const acts = (spreadMs: number): fc.Arbitrary<readonly Act[]> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ arrive: fc.array(measurement(spreadMs), { minLength: 1, maxLength: 25 }) }) },
      { weight: 1, arbitrary: fc.record({ again: fc.nat(5) }) },
      { weight: 2, arbitrary: fc.constantFrom('tidy', 'broken tidy') },
    ),
    { minLength: 1, maxLength: 10 },
  );

/** As a process that is killed when it has counted, and before that is sure. */
const breaking = (database: Database): Database => ({
  ...database,
  transaction: (work, more) =>
    database.transaction(async query => {
      await work(query);
      throw new Error('killed');
    }, more),
});

async function tidyKilled(database: Database, most: number): Promise<void> {
  await expect(tidySamples(breaking(database), now, { limitMs, most })).rejects.toThrow('killed');
  // Its connection is closed, and what it locked is free when the server has seen that; until then others pass over it.
  const others = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;
  await until('what it was in the middle of is undone', async () => (await database.query(others)).length === 0);
}

async function play(database: Database, all: readonly Act[], most: number): Promise<readonly Measurement[]> {
  const arrived: (readonly Measurement[])[] = [];
  for (const act of all) {
    if (act === 'tidy') await tidySamples(database, now, { limitMs, most });
    else if (act === 'broken tidy') await tidyKilled(database, most);
    else {
      const batch = 'arrive' in act ? act.arrive : (arrived[act.again] ?? []);
      if (batch.length > 0) await keep(database, batch);
      arrived.push(batch);
    }
  }
  return once(arrived.flat());
}

/** Each sample once, at an instant of its own: nothing hands over again what was cleared already. */
const apart = (all: readonly Act[]): readonly Act[] =>
  all.flatMap((act, index): readonly Act[] => {
    if (typeof act === 'string') return [act];
    if ('again' in act) return [];
    const ownAt = (at: number, n: number): number => Math.floor(at / 1000) * 1000 + index * 25 + n;
    return [{ arrive: act.arrive.map((one, n) => ({ ...one, at: ownAt(one.at, n) })) }];
  });

describe('rollups', () => {
  it('are what a plain computation gives, with gaps, late arrivals, repetitions, and ends in the middle', async () => {
    await withDatabase(async database => {
      const property = fc.asyncProperty(acts(5 * hour), fc.constantFrom(1, 7, 1000), async (all, most) => {
        await database.query('truncate portoser.samples, portoser.samples_5m, portoser.samples_1h');
        const measured = await play(database, all, most);
        const read = async () => {
          for (const stepMs of [undefined, 7 * minute, 300_000, hour, 3 * hour]) {
            const ask = {
              machine: 'm1',
              name: 'load1',
              from: now - 4 * hour,
              to: now - minute,
              ...(stepMs && { stepMs }),
            };
            const own = measured.filter(one => one.machine === ask.machine);
            const { from, to, stepMs: step = 1 } = choiceOf(ask, now);
            const { points } = await readSamples(database.query, ask, now);
            expect(rounded(points)).toEqual(rounded(pointsOf(own, ask.name, { from, to, stepMs: step })));
          }
          const times = { from: now - 6 * hour, to: now + 1 };
          expect(rounded(await readSpans(database.query, times, now))).toEqual(rounded(spansOf(measured, times)));
        };
        await read();
        await tidySamples(database, now, { limitMs, most });
        expect(rounded(await rollups(database, 'samples_5m'))).toEqual(rounded(plain(measured, 300_000)));
        expect(rounded(await rollups(database, 'samples_1h'))).toEqual(rounded(plain(measured, hour)));
        await read();
      });
      await fc.assert(property, { numRuns: 40 });
    });
  });

  it('count what arrives days late, also where the samples beside it are gone', async () => {
    await withDatabase(async database => {
      await fc.assert(
        fc.asyncProperty(acts(25 * day), async all => {
          await database.query('truncate portoser.samples, portoser.samples_5m, portoser.samples_1h');
          const measured = await play(database, apart(all), 1000);
          await tidySamples(database, now, { limitMs });
          expect(rounded(await rollups(database, 'samples_5m'))).toEqual(rounded(plain(measured, 300_000)));
          const [left] = await database.query<{ old: number }>(
            'select count(*)::integer as old from portoser.samples where at < $1',
            [new Date(now - day)],
          );
          expect(left?.old).toBe(0);
        }),
        { numRuns: 20 },
      );
    });
  });

  it('are counted once by controllers that do it at the same time', async () => {
    const url = await makeDatabase();
    await withDatabase(async one => {
      const measured = Array.from({ length: 300 }, (_, n) => ({
        machine: 'm1',
        at: now - n * minute,
        values: { load1: n, cpu_ratio: 1 },
      }));
      await keep(one, measured);
      await withDatabase(async other => {
        await Promise.all([one, other, one, other].map(each => tidySamples(each, now, { limitMs, most: 50 })));
        await tidySamples(one, now, { limitMs });
      }, url);
      expect(rounded(await rollups(one, 'samples_5m'))).toEqual(rounded(plain(measured, 300_000)));
      expect(rounded(await rollups(one, 'samples_1h'))).toEqual(rounded(plain(measured, hour)));
    }, url);
  });
});

describe('what is kept', () => {
  it('is raw for a day, 5 minutes for 30 days, hours for a year', async () => {
    await withDatabase(async database => {
      const ages = [hour, 23 * hour, 25 * hour, 29 * day, 31 * day, 365 * day, 367 * day];
      await keep(
        database,
        ages.map(age => ({ machine: 'm1', at: now - age, values: { load1: 1 } })),
      );
      await tidySamples(database, now, { limitMs });
      const counts = await database.query<{ raw: number; five: number; hourly: number }>(
        `select (select count(*) from portoser.samples)::integer as raw, (select count(*) from portoser.samples_5m)::integer as five,
           (select count(*) from portoser.samples_1h)::integer as hourly`,
      );
      expect(counts).toEqual([{ raw: 2, five: 4, hourly: 6 }]);
      const count = async (age: number) =>
        (await readSamples(database.query, { machine: 'm1', name: 'load1', from: now - age, to: now }, now)).points
          .length;
      expect([await count(24 * hour), await count(30 * day), await count(366 * day)]).toEqual([2, 4, 6]);
    });
  });

  it('goes in parts when it is old, however much that is', async () => {
    await withDatabase(async database => {
      await keep(
        database,
        Array.from({ length: 60 }, (_, n) => ({ machine: 'm1', at: now - 400 * day - n * hour, values: { load1: 1 } })),
      );
      await removeAtMost(database, 7);
      await tidySamples(database, now, { limitMs, most: 7 });
      for (const table of ['samples', 'samples_5m', 'samples_1h'])
        expect(await database.query(`select * from portoser.${table}`)).toEqual([]);
    });
  });

  it('is no newest one where the clock was ahead when it was measured', async () => {
    await withDatabase(async database => {
      const of = (at: number): Measurement => ({ machine: 'm1', at, values: { load1: 1 } });
      await keep(database, [of(now - minute), of(now), of(now + hour)]);
      expect(await readNewest(database.query, undefined, now)).toEqual([of(now)]);
    });
  });

  it('holds no number that would spoil sums', async () => {
    await withDatabase(async database => {
      const bad = [1e300, -1e300].map((value, n) => ({ machine: 'm1', at: now - n, values: { load1: value } }));
      for (const one of bad) await expect(keep(database, [one])).rejects.toMatchObject({ code: '23514' });
    });
  });
});

const linesIn = async (folder: string): Promise<readonly string[]> => {
  const found = await readdir(folder, { withFileTypes: true });
  const files = found.filter(one => one.isFile()).map(one => readFile(join(folder, one.name), 'utf8'));
  return (await Promise.all(files)).flatMap(text => text.split('\n').filter(line => line !== ''));
};
const sample = (n: number) =>
  ({ kind: 'samples', measurement: { machine: 'm1', at: Date.now() - hour + n, values: { load1: n } } }) as const;

describe('while there is no database', () => {
  it('samples wait in a room of their own, are the only ones dropped, and the controller takes them along', async () => {
    const folder = await scratchFolder();
    const [diary, room] = [join(folder, 'state/history'), join(folder, 'state/history/samples')];
    await mkdir(room, { recursive: true });
    const url = `socket://portoser@${join(folder, 'nowhere')}?db=x`;
    const away = await openTestStore({ url, folder, samplesSpool: { fileBytes: 300, totalBytes: 1200 } });
    away.store.record(eventRecord('first', now));
    const all = Array.from({ length: 40 }, (_, n) => sample(n));
    for (const one of all) {
      away.store.record(one);
      const own = JSON.stringify(one);
      await until('it waits', async () => (await linesIn(room)).includes(own));
    }
    away.store.record(eventRecord('last', now));
    await away.store.close();
    expect(away.store.state()).toMatchObject({ state: 'away', waiting: 2, dropped: 0 });
    expect((await linesIn(diary)).map(line => (JSON.parse(line) as { kind: string }).kind)).toEqual(['event', 'event']);
    const left = await linesIn(room);
    expect(left.join('\n').length).toBeLessThan(1200 + 600);
    expect(left).toEqual(all.slice(-left.length).map(one => JSON.stringify(one)));

    const back = await makeDatabase();
    const command = await openTestStore({ url: back, folder });
    command.store.record(eventRecord('command', now));
    await command.store.close();
    expect(await linesIn(diary)).toEqual([]);
    expect(await linesIn(room)).toEqual(left);

    const controller = await openTestStore({ url: back, folder });
    controller.store.serve();
    await until('it is kept', () => controller.store.state().state === 'kept');
    expect(await linesIn(room)).toEqual([]);
    const counted = (): Promise<number> =>
      inDatabase(back, async client => {
        const sql = 'select coalesce(sum(count), 0)::integer as count from portoser.samples_5m';
        return (await client.query<{ count: number }>(sql)).rows[0]?.count ?? 0;
      });
    await until('they are counted', async () => (await counted()) === left.length);
    const kept = await controller.store.events({ limit: 10 });
    expect(kept.map(one => one.id)).toEqual(['first', 'last', 'command']);
    await controller.store.close();
  });
});
