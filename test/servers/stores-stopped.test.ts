// The shipped controller with a real PostgreSQL and a real Redis that are stopped, hang and come back: it goes on, says so, and catches up.
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { git } from '../contracts/git-fixture.js';
import { startTestPostgres, type TestPostgres } from './postgres.js';
import { startRedis, type TestRedis } from './redis.js';
import { createStoresFleet, type StoresFleet } from './stores-fleet.js';

let postgres: TestPostgres;
let redis: TestRedis;
let fleet: StoresFleet;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres(), startRedis()]);
  fleet = await createStoresFleet({
    cluster: `stores-${process.pid}`,
    stores: { DATABASE_URL: postgres.url, REDIS_URL: redis.url },
    askedAt: postgres.url,
  });
});

afterAll(async () => {
  try {
    await fleet.remove();
  } finally {
    await Promise.all([postgres.remove(), redis.remove()]);
  }
});

describe('a PostgreSQL', () => {
  it.each([
    ['is stopped', () => postgres.stop(), () => postgres.start()],
    ['hangs', async () => postgres.hang(), async () => postgres.goOn()],
  ])('that %s holds nothing up, is missed in plain words, and is caught up with', async (what, take, bring) => {
    await take();
    await fleet.deploy(`pg-${what.length}-a`);
    await fleet.waitFor('it is missed', async () => (await fleet.status()).controller?.history?.state === 'away');
    await fleet.deploy(`pg-${what.length}-b`);

    const refused = await fleet.api('deployments');
    expect(refused).toMatchObject({ status: 503, body: { code: 'store-away' } });
    expect(refused.body['hint']).toContain('Reconciling goes on without it');
    const measured = await fleet.api('metrics');
    expect(measured).toMatchObject({
      status: 200,
      body: { away: { code: 'store-away' }, newest: [{ machine: 'me' }] },
    });
    const ended = await fleet.portoser('status');
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('No history is kept now')]);

    await bring();
    await fleet.caughtUp();
    expect(await fleet.kept()).toEqual(fleet.deployed);
    await fleet.waitFor('it says so', async () => (await fleet.status()).controller?.history?.state === 'kept');
    expect((await fleet.api('deployments')).status).toBe(200);
    await fleet.waitFor('metrics are whole again', async () => (await fleet.api('metrics')).body['away'] === undefined);
  });

  it('that is started anew at once is none the worse for it', async () => {
    await postgres.stop();
    await postgres.start();
    await fleet.deploy('restarted');
    await fleet.caughtUp();
    expect(await fleet.kept()).toEqual(fleet.deployed);
  });
});

/** Follows runs, and keeps their kinds with who asked for them. */
async function followRuns() {
  const socket = new WebSocket(`${fleet.url.replace('http', 'ws')}/ws`);
  const told: string[] = [];
  socket.on('message', (data: Buffer) => void told.push(data.toString()));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', topic: 'run', id: 'runs' }));
  await fleet.waitFor('it follows', () => told.length > 0);
  return { told, close: () => socket.close() };
}

describe('a Redis', () => {
  it.each([
    ['is stopped', () => redis.stop(), () => redis.start()],
    ['hangs', async () => redis.hang(), async () => redis.goOn()],
  ])('that %s holds nothing up, is missed in plain words, and is there again', async (what, take, bring) => {
    await take();
    await fleet.deploy(`redis-${what.length}`);
    await fleet.waitFor('it is missed', async () => (await fleet.status()).controller?.replicas?.state === 'away');
    expect(await fleet.api('metrics')).toMatchObject({ status: 200, body: { newest: [{ machine: 'me' }] } });
    expect((await fleet.api('deployments')).status).toBe(200);
    const ended = await fleet.portoser('status');
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('Redis is away')]);
    await bring();
    await fleet.waitFor(
      'it is there again',
      async () => (await fleet.status()).controller?.replicas?.state === 'shared',
    );
    await fleet.caughtUp();
    expect(await fleet.kept()).toEqual(fleet.deployed);
  });

  it('lets who looks on at one process see what another one does', async () => {
    // What is not committed is nothing to the controller; and its passes are far apart now.
    await fleet.write('far', '1h');
    await fleet.commit('far');
    await fleet.caughtUp();
    const runs = await followRuns();
    await fleet.write('by-hand', '1h');
    const ended = await fleet.portoser('deploy tick --uncommitted --yes');
    expect(ended.code, ended.err).toBe(0);
    await fleet.waitFor(
      'its outcome is seen',
      () => runs.told.some(one => one.includes('"deployment.ended"')),
      () => runs.told.join('\n'),
    );
    const planned = runs.told.find(one => one.includes('"run.planned"')) ?? '';
    expect(JSON.parse(planned)).toMatchObject({ told: { actor: { by: 'cli' }, changes: [{ key: 'tick@me' }] } });
    runs.close();
    await git(fleet.repo, 'checkout', '--quiet', '--', 'registry.yml');
  });

  it('whose password is wrong is no reason for anything but words, without the password', async () => {
    const wrong = { REDIS_URL: redis.url.replace(redis.password, 'not-this-canary'), PORTOSER_LOG: 'info' };
    const ended = await fleet.portoser('deploy tick --yes', wrong);
    expect(ended.code, ended.err).toBe(0);
    expect(ended.err).toContain('Redis not reached');
    expect(ended.out + ended.err + fleet.tell()).not.toContain('canary');
  });
});

describe('the controller', () => {
  it('ends in order while neither answers, and what it could not tell is caught up with by the next', async () => {
    redis.hang();
    await postgres.stop();
    await fleet.deploy('unheard');
    expect(await fleet.end(), fleet.tell()).toBe(0);
    redis.goOn();
    await postgres.start();
    expect(await fleet.kept()).not.toContain(fleet.deployed.at(-1));
    fleet.begin('run --listen off');
    await fleet.waitFor('history has it', async () => (await fleet.kept()).includes(fleet.deployed.at(-1) ?? ''));
    expect((await fleet.kept()).filter(commit => commit === fleet.deployed.at(-1))).toHaveLength(1);
    expect(await fleet.end(), fleet.tell()).toBe(0);
  });
});
