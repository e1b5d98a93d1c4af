// The shipped controller with a real PostgreSQL and a real Redis that answer late: passes wait for neither, and history has all, in order, once.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { databaseRole } from '../../reconciler/adapters/postgres.js';
import { startTestPostgres, type TestPostgres } from './postgres.js';
import { type SlowWay, slowWayTo } from './slow-way.js';
import { startRedis, type TestRedis } from './redis.js';
import { createStoresFleet, type StoresFleet } from './stores-fleet.js';

let postgres: TestPostgres;
let redis: TestRedis;
let toPostgres: SlowWay;
let toRedis: SlowWay;
let fleet: StoresFleet;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres(), startRedis()]);
  [toPostgres, toRedis] = await Promise.all([slowWayTo({ path: postgres.path }), slowWayTo({ port: redis.port })]);
  fleet = await createStoresFleet({
    cluster: `slow-stores-${process.pid}`,
    stores: {
      DATABASE_URL: `postgres://${databaseRole}@127.0.0.1:${toPostgres.port}/fleet`,
      REDIS_URL: redis.url.replace(/:\d+\//, `:${toRedis.port}/`),
    },
    askedAt: postgres.url,
  });
});

afterAll(async () => {
  try {
    await fleet.remove();
  } finally {
    await Promise.all([toPostgres.close(), toRedis.close()]);
    await Promise.all([postgres.remove(), redis.remove()]);
  }
});

afterEach(() => {
  toPostgres.delayMs = 0;
  toRedis.delayMs = 0;
});

/** All passes so far, and how many of them took less than a second. */
async function passes(): Promise<{ readonly all: number; readonly withinSecond: number }> {
  const text = await (await fetch(`${fleet.url}/metrics`)).text();
  const figure = (form: RegExp): number => Number(form.exec(text)?.[1]);
  return {
    all: figure(/^portoser_pass_duration_seconds_count (\d+)$/m),
    withinSecond: figure(/^portoser_pass_duration_seconds_bucket\{le="1"\} (\d+)$/m),
  };
}

/** Within the time that the store allows itself (a connection and a question), or the connection of the asker is given up. */
const deadlineMs = 40_000;

/** Many at once, of what is read from the store: each is whole, or says that it is away. */
async function readMuch(): Promise<readonly string[]> {
  const paths = ['deployments', 'events', 'uptime', 'webhooks', 'metrics'];
  return await Promise.all(
    [...paths, ...paths, ...paths, ...paths].map(async path => {
      const response = await fetch(`${fleet.url}/api/${path}`, { signal: AbortSignal.timeout(deadlineMs) });
      const body = (await response.json()) as Record<string, unknown>;
      if (response.status === 200) return path === 'metrics' && body['away'] !== undefined ? 'flagged' : 'whole';
      expect(body, path).toMatchObject({ status: 503, code: 'store-away' });
      return 'away';
    }),
  );
}

describe.each([
  [500, 'late'],
  [2_000, 'late, or not at all'],
])('a PostgreSQL whose answers take %i ms', (delayMs, how) => {
  it(`holds up no pass, keeps all in order and once, and is read from ${how}`, async () => {
    const [before, answers, known] = [await passes(), toPostgres.answers, fleet.deployed.length];
    toPostgres.delayMs = delayMs;
    const lagged: boolean[] = [];
    for (const version of ['a', 'b']) {
      await fleet.deploy(`pg-${delayMs}-${version}`);
      lagged.push((await fleet.kept()).length < fleet.deployed.length);
    }
    // What runs is told before the database has heard of it.
    expect(lagged).toContain(true);
    const read = await readMuch();
    await fleet.waitFor('some of it is kept', async () => (await fleet.kept()).length > known);
    expect(toPostgres.answers - answers).toBeGreaterThan(5);
    const { all, withinSecond } = await passes();
    // None of these can have waited for an answer of two seconds.
    expect(delayMs < 1_000 || withinSecond > before.withinSecond, `${withinSecond} of ${all}`).toBe(true);
    console.log(
      `answers after ${delayMs} ms: ${withinSecond - before.withinSecond} of ${all - before.all} passes took less than a second; ` +
        `reads were ${[...new Set(read)].join(', ')}`,
    );
    toPostgres.delayMs = 0;
    await fleet.caughtUp();
    expect(await fleet.kept()).toEqual(fleet.deployed);
    await fleet.waitFor('it is kept', async () => (await fleet.status()).controller?.history?.state === 'kept');
    expect((await fleet.api('deployments')).status).toBe(200);
  });
});

describe.each([500, 2_000])('a Redis whose answers take %i ms', delayMs => {
  it('holds up no pass and no answer, and is missed where it takes longer than a second', async () => {
    toRedis.delayMs = delayMs;
    await fleet.deploy(`redis-${delayMs}-a`);
    if (delayMs > 1_000)
      await fleet.waitFor('it is missed', async () => (await fleet.status()).controller?.replicas?.state === 'away');
    await fleet.deploy(`redis-${delayMs}-b`);
    expect(await fleet.api('metrics')).toMatchObject({ status: 200, body: { newest: [{ machine: 'me' }] } });
    expect((await fleet.api('deployments')).status).toBe(200);
    await fleet.caughtUp();
    expect(await fleet.kept()).toEqual(fleet.deployed);
    toRedis.delayMs = 0;
    await fleet.waitFor(
      'it is there again',
      async () => (await fleet.status()).controller?.replicas?.state === 'shared',
    );
  });
});
