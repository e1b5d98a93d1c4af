// The store in PostgreSQL: the contract, and that it holds when the database is away, old, new, or refuses a record.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../reconciler/adapters/clock.js';
import { openDatabase } from '../../reconciler/adapters/store-database.js';
import { lockKey, migrate, readMigrations } from '../../reconciler/adapters/store-migrate.js';
import { openStateDir } from '../../reconciler/adapters/state-dir.js';
import { clearBefore, clearDeliveries } from '../../reconciler/adapters/store-clear.js';
import { openSpool } from '../../reconciler/adapters/store-spool.js';
import { openWriter } from '../../reconciler/adapters/store-writer.js';
import { openStore } from '../../reconciler/adapters/store.js';
import { eventRecord, runRecord, storeContract } from '../contracts/store.js';
import { createFakeLog } from '../fakes/log.js';
import { until } from '../scenarios/until.js';
import { slowWayTo } from '../servers/slow-way.js';
import { inDatabase, makeDatabase, makeHistory, openFolder, scratchFolder, useServer } from './postgres-fixture.js';
import { openTestStore, removeAtMost } from './store-fixture.js';

useServer();
const began = 1_764_300_000_000;

storeContract('PostgreSQL', async () => {
  const url = await makeDatabase();
  const folder = await openFolder();
  const log = createFakeLog();
  let ids = 0;
  const state = openStateDir(join(folder, 'state'));
  const store = openStore({ url, state, clock: systemClock, log, newId: () => `id${(ids += 1)}` });
  let mark = 0;
  return {
    store,
    settle: async () => {
      const id = `mark${(mark += 1)}`;
      store.record(eventRecord(id, 0, { key: `${id}@settle` }));
      const kept = async () => (await store.events({ service: `${id}@settle`, limit: 1 })).length === 1;
      await until(
        'it is kept',
        () => kept().catch(() => false),
        () => JSON.stringify(log.lines),
      );
    },
    stop: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
      const said = log.lines.filter(line => line.level === 'warn' || line.level === 'error');
      if (said.length > 0) throw new Error(JSON.stringify(said));
    },
  };
});

const count = (url: string, sql: string): Promise<number> =>
  inDatabase(url, async client => Number((await client.query(sql)).rows[0]?.count));
const events = (url: string): Promise<readonly string[]> =>
  inDatabase(url, async client =>
    (await client.query('select id from portoser.events order by seq')).rows.map((row: { id: string }) => row.id),
  );
const waitingIn = async (folder: string): Promise<readonly string[]> => {
  const names = await readdir(join(folder, 'state/history')).catch(() => []);
  const texts = await Promise.all(
    names
      .toSorted((one, other) => one.localeCompare(other))
      // The oldest may go while they are read.
      .map(name => readFile(join(folder, 'state/history', name), 'utf8').catch(() => '')),
  );
  return texts.flatMap(text => text.split('\n').filter(line => line !== ''));
};

describe('deliveries of webhooks', () => {
  it('are let go when they are old, and when they are many', async () => {
    const database = openDatabase({ address: { url: await makeDatabase() }, connectMs: 10_000, queryMs: 10_000 });
    try {
      await migrate(database, await readMigrations());
      const made = (id: string, from: string, count: number) =>
        database.query(
          `insert into portoser.deliveries (id, at, last_at, times, forge, verdict, why)
           select $1 || n, now(), ${from} - n * interval '1 ms', 1, 'generic', 'refused', '' from generate_series(1, ${count}) as n`,
          [id],
        );
      await made('old', `now() - interval '91 days'`, 5);
      await made('new', 'now()', 10_050);
      await removeAtMost(database, 20);
      await clearDeliveries(database, Date.now(), { limitMs: 30_000, most: 20 });
      const [left] = await database.query(
        'select count(*)::integer as count, max(id) filter (where id like $1) as old from portoser.deliveries',
        ['old%'],
      );
      expect(left).toEqual({ count: 10_000, old: null });
      const gone = await database.query(`select id from portoser.deliveries where id in ('new10000', 'new10001')`, []);
      expect(gone).toEqual([{ id: 'new10000' }]);
    } finally {
      await database.close();
    }
  });
});

describe('what is older than it is kept', () => {
  it('goes in parts, and of a placement only what something later stands for', async () => {
    const url = await makeHistory();
    const database = openDatabase({ address: { url }, connectMs: 10_000, queryMs: 10_000 });
    onTestFinished(() => database.close());
    const day = 86_400_000;
    await database.query(
      `insert into portoser.events (id, at, kind, text)
       select 'e' || n, to_timestamp(n * 86400), 'x', '' from generate_series(1, 50) as n`,
    );
    await database.query(
      `insert into portoser.transitions (id, at, key, machine, from_state, to_state, lasted_ms, found, planned)
       select key || n, to_timestamp(n * 86400), key, 'm1', 'healthy', case when n = last then "to" else 'healthy' end, 0, '', false
       from (values ('gone@m1', 'unknown', 12), ('left@m1', 'unhealthy', 11)) as placements(key, "to", last),
         generate_series(1, last) as n order by n desc`,
    );
    await removeAtMost(database, 3);
    await clearBefore(database, 40 * day, { limitMs: 30_000, most: 3 });
    expect(await events(url)).toEqual(Array.from({ length: 11 }, (_, n) => `e${40 + n}`));
    expect(await database.query('select id from portoser.transitions')).toEqual([{ id: 'left@m111' }]);
  });
});

describe('migrations', () => {
  it('are made once by programs that begin at the same time, and again not at all', async () => {
    const url = await makeDatabase();
    const known = await readMigrations();
    const databases = Array.from({ length: 4 }, () =>
      openDatabase({ address: { url }, connectMs: 10_000, queryMs: 10_000 }),
    );
    const made = await Promise.all(databases.map(one => migrate(one, known)));
    expect(made.toSorted((one, other) => one - other)).toEqual([0, 0, 0, known.length]);
    for (const one of databases) expect(await migrate(one, known)).toBe(0);
    await Promise.all(databases.map(one => one.close()));
    expect(await count(url, 'select count(*) from portoser.migrations')).toBe(known.length);
  });

  it('are all of an upgrade or nothing', async () => {
    const url = await makeDatabase();
    const known = await readMigrations();
    const broken = {
      version: known.length + 1,
      name: 'broken',
      sql: 'create table portoser.a (b int); nonsense',
      checksum: 'x',
    };
    const database = openDatabase({ address: { url }, connectMs: 10_000, queryMs: 10_000 });
    await expect(migrate(database, [...known, broken])).rejects.toMatchObject({ code: '42601' });
    expect(
      await inDatabase(url, async client => (await client.query(`select to_regclass('portoser.runs') as t`)).rows),
    ).toEqual([{ t: null }]);
    expect(await migrate(database, known)).toBe(known.length);
    await database.close();
  });

  it('bring a database of the version before the audit log forward, with what it holds', async () => {
    const url = await makeDatabase();
    const known = await readMigrations();
    const before = known.slice(0, 5);
    expect(before.at(-1)?.name).toBe('deliveries');
    const database = openDatabase({ address: { url }, connectMs: 10_000, queryMs: 10_000 });
    expect(await migrate(database, before)).toBe(before.length);
    await database.query(
      `insert into portoser.deliveries (id, at, last_at, times, forge, verdict, why)
       values ('kept', now(), now(), 1, 'gitea', 'woken', '')`,
      [],
    );
    await database.close();

    const { store } = await openTestStore({ url });
    const entry = { seq: 1, prev: '', hash: 'h1', at: began, from: 'here', what: 'deploy', result: 'done' } as const;
    store.record({ kind: 'audit', log: 'one', record: { ...entry, who: { name: 'ada', by: 'cli' } } });
    await until('it is kept', async () => (await store.auditHead('one').catch(() => undefined))?.seq === 1);
    expect((await store.deliveries(10)).map(one => one.id)).toEqual(['kept']);
    await store.close();
    expect(await count(url, 'select count(*) from portoser.migrations')).toBe(known.length);
  });

  it.each([
    ['newer', `insert into portoser.migrations (version, name, checksum) values (9999, 'later', 'x')`, 'store-newer'],
    ['changed', `update portoser.migrations set checksum = 'y'`, 'store-changed'],
  ])('that are %s are refused, nothing is written there, and records wait', async (_, sql, code) => {
    const url = await makeDatabase();
    const first = await openTestStore({ url });
    first.store.record(eventRecord('before', began));
    await first.store.close();
    await inDatabase(url, client => client.query(sql));

    const { store, log, folder } = await openTestStore({ url });
    await expect(store.events({ limit: 1 })).rejects.toMatchObject({ code });
    store.record(eventRecord('after', began));
    await store.close();
    expect(log.lines.filter(line => line.level === 'warn').map(line => line.fields['code'])).toEqual([code]);
    expect(await events(url)).toEqual(['before']);
    expect(await waitingIn(folder)).toHaveLength(1);
  });

  it.each([
    ['need not be waited for where all are made', true],
    ['that another makes or brings back are not waited for by a single command: its records wait on disk', false],
  ])('%s', async (_, made) => {
    const url = made ? await makeHistory() : await makeDatabase();
    await inDatabase(url, async holder => {
      await holder.query(`select pg_advisory_lock(${lockKey})`);
      const { store, folder } = await openTestStore({ url });
      store.record(eventRecord('noted', began));
      const closed = store.close().then(() => 'closed');
      expect(await Promise.race([closed, sleep(15_000, 'waited', { ref: false })])).toBe('closed');
      const kept = made ? await events(url) : [];
      expect([kept, (await waitingIn(folder)).length]).toEqual(made ? [['noted'], 0] : [[], 1]);
    });
  });

  it('are left to writers: who only reads an empty database changes nothing there', async () => {
    const url = await makeDatabase();
    const { store } = await openTestStore({ url });
    await expect(store.deployments({ limit: 1 })).rejects.toMatchObject({ code: 'store-away' });
    expect(await count(url, `select count(*) from pg_namespace where nspname = 'portoser'`)).toBe(0);
  });
});

describe('while there is no database', () => {
  it('records wait on disk, and the next one that has it takes them along, in order and once', async () => {
    const folder = await scratchFolder();
    const nowhere = `socket://portoser@${join(folder, 'nowhere')}?db=x`;
    for (const id of ['a', 'b']) {
      const { store } = await openTestStore({ url: nowhere, folder });
      store.record(eventRecord(`${id}1`, began));
      store.record(runRecord(`${id}2`, began, { 'web@m1': { result: 'applied', durationMs: 1 } }));
      store.record(eventRecord(`${id}3`, began));
      await store.close();
    }
    expect(await waitingIn(folder)).toHaveLength(6);
    const url = await makeDatabase();
    const { store } = await openTestStore({ url, folder });
    store.record(eventRecord('c', began));
    await store.close();
    expect(await events(url)).toEqual(['a1', 'a3', 'b1', 'b3', 'c']);
    expect(await count(url, 'select count(*) from portoser.deployments')).toBe(2);
    expect(await waitingIn(folder)).toEqual([]);
  });

  it('what finds no room on the disk either is called kept when there is room again, and never when it was lost', async () => {
    const folder = await scratchFolder();
    const url = `socket://portoser@${join(folder, 'nowhere')}?db=x`;
    const told: string[] = [];
    const { store, log } = await openTestStore({ url, folder });
    await mkdir(join(folder, 'state'), { recursive: true });
    // Where the spool's folder has to be.
    const obstacle = join(folder, 'state/history');
    await writeFile(obstacle, '');
    store.record(eventRecord('first', began), () => told.push('first'));
    await until('it waits in memory', () => log.lines.some(line => line.level === 'error'));
    expect(told).toEqual([]);
    await rm(obstacle);
    store.record(eventRecord('second', began), () => told.push('second'));
    await until('both are on the disk', () => told.length === 2);
    expect(told).toEqual(['first', 'second']);
    expect(await waitingIn(folder)).toHaveLength(2);
    await rm(obstacle, { recursive: true });
    await writeFile(obstacle, '');
    store.record(eventRecord('third', began), () => told.push('third'));
    await store.close();
    expect(told).toEqual(['first', 'second']);
  });

  it('the oldest go when they become too many, and that is told in the log, in the state and in history', async () => {
    const folder = await scratchFolder();
    const nowhere = `socket://portoser@${join(folder, 'nowhere')}?db=x`;
    const spool = { fileBytes: 300, totalBytes: 1200 };
    const { store, log } = await openTestStore({ url: nowhere, folder, spool });
    for (let n = 0; n < 40; n += 1) {
      store.record(eventRecord(`n${n}`, began));
      await until('it waits', async () => (await waitingIn(folder)).some(line => line.includes(`"n${n}"`)));
    }
    const state = store.state();
    const dropped = log.lines.filter(line => line.message === 'records of history were dropped');
    const total = dropped.reduce((sum, line) => sum + Number(line.fields['dropped']), 0);
    expect(total).toBeGreaterThan(0);
    expect(state).toMatchObject({ state: 'away', dropped: total });
    await store.close();
    const bytes = (await waitingIn(folder)).join('\n').length;
    expect(bytes).toBeLessThan(1200 + 600);

    const url = await makeDatabase();
    const after = await openTestStore({ url, folder });
    after.store.record(eventRecord('last', began));
    await after.store.close();
    const kept = await events(url);
    const own = kept.filter(id => id.startsWith('n'));
    expect(own).toEqual(own.toSorted((one, other) => Number(one.slice(1)) - Number(other.slice(1))));
    expect(own.at(-1)).toBe('n39');
    expect(own).not.toContain('n0');
    expect(kept.at(-1)).toBe('last');
    expect(await count(url, `select count(*) from portoser.events where kind = 'history.dropped'`)).toBeGreaterThan(0);
  });

  it('nobody can say for the moment whether there can be one: records wait, and it is asked again', async () => {
    const folder = await scratchFolder();
    const state = openStateDir(join(folder, 'state'));
    const log = createFakeLog();
    const spoolOf = (name: string) =>
      openSpool({ folder: join(folder, name), processName: '1:1', runs: () => false, now: Date.now, log });
    let asked = 0;
    const place = {
      obstacle: async () => {
        asked += 1;
        if (asked === 1) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
        return undefined;
      },
      find: async () => undefined,
      start: () => Promise.reject(new Error('not here')),
    };
    const [spool, samples] = [spoolOf('history'), spoolOf('samples')];
    const more = {
      place,
      spool,
      samples,
      state,
      clock: systemClock,
      log,
      newId: () => 'x',
      migrations: readMigrations,
    };
    const writer = openWriter(more);
    const told: string[] = [];
    for (const id of ['one', 'two']) {
      writer.add(eventRecord(id, began), () => told.push(id));
      await until(
        'it is safe',
        () => told.includes(id),
        () => JSON.stringify(log.lines),
        5_000,
      );
    }
    await writer.close();
    expect(await spool.waiting()).toBe(2);
    expect(asked).toBe(2);
    expect(log.lines.filter(line => line.level === 'error')).toEqual([]);
  });

  it('half a line, as a kill or a full disk leaves it, hides nothing else', async () => {
    const folder = await scratchFolder();
    await mkdir(join(folder, 'state/history'), { recursive: true });
    const text = `${JSON.stringify(eventRecord('whole', began))}\n{"kind":"event","ev`;
    await writeFile(join(folder, 'state/history/1764300000000-0001-1:1.jsonl'), text);
    const url = await makeDatabase();
    const { store } = await openTestStore({ url, folder });
    store.record(eventRecord('next', began));
    await store.close();
    expect(await events(url)).toEqual(['whole', 'next']);
  });

  it('what a living process still writes is taken, and stays until it ends', async () => {
    const folder = await scratchFolder();
    const own = openStateDir(join(folder, 'state'));
    await mkdir(join(folder, 'state/history'), { recursive: true });
    const text = `${JSON.stringify(eventRecord('its', began))}\n`;
    await writeFile(join(folder, 'state/history/1764300000000-0001-77:7.jsonl'), text);
    const url = await makeDatabase();
    let lives = true;
    const state = { ...own, runs: (name: string) => name === '77:7' && lives };
    for (const id of ['one', 'two']) {
      const { store } = await openTestStore({ url, folder, state });
      store.record(eventRecord(id, began));
      await store.close();
      expect(await waitingIn(folder)).toHaveLength(lives ? 1 : 0);
      lives = false;
    }
    expect(await events(url)).toEqual(['its', 'one', 'two']);
  });
});

describe('a record that the database refuses', () => {
  it('is left out and told; those around it are kept', async () => {
    const url = await makeDatabase();
    const { store, log } = await openTestStore({ url });
    const broken = runRecord('bad1', began, { 'web@m1': { result: 'applied', durationMs: 1e15 } });
    // No index takes a key of that size, in whatever way it is packed.
    const key = Array.from({ length: 4000 }, (_, n) => createHash('sha256').update(`${n}`).digest('hex')).join('');
    store.record(eventRecord('e1', began));
    store.record(broken);
    store.record(eventRecord('e2', began));
    store.record(eventRecord('huge', began, { key }));
    store.record(eventRecord('e3', began));
    await store.close();
    expect(await events(url)).toEqual(['e1', 'e2', 'e3']);
    const said = log.lines.map(line => line.message);
    expect(said).toEqual(Array.from({ length: 2 }, () => 'the database refused a record of history'));
  });
});

describe("a database of one's own", () => {
  it('that goes away is missed, and caught up with when it is back, each record once', async () => {
    const url = await makeDatabase();
    const { store, log } = await openTestStore({ url });
    store.serve();
    await until('it is kept', () => store.state().state === 'kept');
    const kick = () =>
      inDatabase(url, client =>
        client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'portoser' and datname = current_database()`,
        ),
      );
    const ids = Array.from({ length: 30 }, (_, n) => `k${String(n).padStart(2, '0')}`);
    for (const [n, id] of ids.entries()) {
      store.record(eventRecord(id, began));
      if (n % 10 === 5) await kick();
      await new Promise(resolve => setImmediate(resolve));
    }
    await until(
      'all are there',
      async () => (await events(url)).length === ids.length,
      () => JSON.stringify(log.lines),
    );
    expect(await events(url)).toEqual(ids);
    await until('it is kept again', () => store.state().state === 'kept');
    await store.close();
  });

  it('that is slower than what happens is not waited for: it waits on disk, and is caught up with in order and once', async () => {
    const url = await makeDatabase();
    const [, role = '', folder = '', name = ''] = /^socket:\/\/(\w+)@([^?]+)\?db=(\w+)$/.exec(url) ?? [];
    const way = await slowWayTo({ path: join(folder, '.s.PGSQL.5432') });
    onTestFinished(() => way.close());
    const slow = `postgres://${role}@127.0.0.1:${way.port}/${name}`;
    const { store, folder: own } = await openTestStore({ url: slow, mostQueued: 50 });
    store.serve();
    await until('it is kept', () => store.state().state === 'kept');
    way.delayMs = 2_000;
    const ids: string[] = [];
    while (store.state().state === 'kept') {
      const id = `s${String(ids.length).padStart(5, '0')}`;
      ids.push(id);
      store.record(eventRecord(id, began));
      await new Promise(resolve => setTimeout(resolve, 1));
    }
    expect(store.state()).toMatchObject({ state: 'away', why: expect.stringContaining('slower') as string });
    await until('they wait on disk', async () => (await waitingIn(own)).length === ids.length);
    way.delayMs = 100;
    await until('all are there', async () => (await events(url)).length === ids.length);
    expect(await events(url)).toEqual(ids);
    await until('it is kept again', () => store.state().state === 'kept');
    await store.close();
  });

  it('is told about without its password', async () => {
    const { store, log } = await openTestStore({ url: 'postgres://ada:hush@127.0.0.1:1/x' });
    store.record(eventRecord('x', began));
    await store.close();
    const [warning] = log.lines.filter(line => line.level === 'warn');
    expect(warning?.fields).toMatchObject({
      code: 'store-away',
      why: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(JSON.stringify(log.lines)).not.toContain('hush');
  });

  it('is cleared of what is older than a year, and of what an earlier process left open', async () => {
    const url = await makeDatabase();
    const folder = await scratchFolder();
    const first = await openTestStore({ url, folder });
    const now = Date.now();
    const open = { result: 'in-progress', why: 'it goes on' } as const;
    first.store.record(runRecord('01d', now - 400 * 86_400_000, { 'web@m1': { result: 'applied' } }));
    first.store.record(runRecord('0e0', now - 3_600_000, { 'web@m1': open }));
    first.store.record(eventRecord('ancient', now - 400 * 86_400_000));
    first.store.record(eventRecord('recent', now - 1000));
    for (const [id, key, to, days] of [
      ['superseded', 'web@m1', 'unhealthy', 402],
      ['still-so', 'web@m1', 'healthy', 401],
      ['left', 'gone@m1', 'unknown', 400],
    ] as const)
      first.store.record({
        kind: 'transition',
        transition: {
          id,
          key,
          machine: 'm1',
          at: now - days * 86_400_000,
          from: 'starting',
          to,
          lastedMs: 0,
          found: '',
          planned: false,
        },
      });
    await first.store.close();

    const { store } = await openTestStore({ url, folder });
    store.serve();
    await until('it is kept', () => store.state().state === 'kept');
    await until('it is tidied', async () => (await count(url, 'select count(*) from portoser.transitions')) === 1);
    const all = await store.deployments({ limit: 10 });
    expect(all.map(one => [one.runId, one.result, one.error?.code])).toEqual([['0e0', 'failed', 'interrupted']]);
    expect(await events(url)).toEqual(['recent']);
    expect((await store.transitionsSince({ since: now })).map(one => one.id)).toEqual(['still-so']);
    await store.close();
  });

  it('whose old rows cannot be cleared is not lost for that: it is told, and what happens is kept', async () => {
    const url = await makeHistory();
    await inDatabase(url, client =>
      client.query(
        `insert into portoser.events (id, at, kind, text) values ('ancient', now() - interval '400 days', 'x', '');
         create function portoser.never() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
         create trigger never before delete on portoser.events for each row execute function portoser.never()`,
      ),
    );
    const { store, log } = await openTestStore({ url });
    store.serve();
    const told = () => log.lines.filter(line => line.level === 'warn');
    await until('it is told', () => told().length > 0);
    expect(told()).toMatchObject([{ message: 'the database could not be tidied; it is tried again' }]);
    store.record(eventRecord('next', began));
    await until('it is kept', async () => (await events(url)).length === 2);
    expect(store.state()).toEqual({ state: 'kept' });
    await store.close();
    expect(told()).toHaveLength(1);
  });
});
