// The shipped controller with a real PostgreSQL and a real Redis that are stopped, hang and come back: it goes on, says so, and catches up.
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { StatusReport } from '../../schema/status.js';
import { inDatabase } from '../adapters/postgres-fixture.js';
import { git } from '../contracts/git-fixture.js';
import { stopServices } from '../scenarios/stop-services.js';
import { beginRepo, commitAll, type Typed, typist } from '../scenarios/typist.js';
import { until } from '../scenarios/until.js';
import { startTestPostgres, type TestPostgres } from './postgres.js';
import { startRedis, type TestRedis } from './redis.js';

const cluster = `stores-${process.pid}`;
let top: string;
let repo: string;
let postgres: TestPostgres;
let redis: TestRedis;
let controller: Typed;
let url: string;
/** Of everything that was deployed, oldest first. */
const deployed: string[] = [];

const { start, portoser, endAll } = typist(() => ({
  cwd: repo,
  env: {
    PATH: process.env['PATH'],
    HOME: top,
    USER: 'ada',
    PORTOSER_STATE_DIR: join(top, 'state'),
    XDG_STATE_HOME: top,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
  },
}));

const tell = () => `${controller.texts.out}\n${controller.texts.err}`;
const waitFor = (what: string, met: () => boolean | Promise<boolean>, more = tell) => until(what, met, more, 120_000);

async function write(version: string, interval = '2s'): Promise<void> {
  const health = "{type: command, command: ['true'], interval: 1h}";
  const tick = `{type: local, machine: me, path: ${join(top, 'tick')}, scope: none, command: sleep 1000, stop_timeout: 1s, env: {VERSION: ${version}}, health: ${health}}`;
  const text = `cluster: ${cluster}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: ${tick}
policy: {interval: ${interval}}
`;
  await writeFile(join(repo, 'registry.yml'), text);
}

async function api(path: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await fetch(`${url}/api/${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
async function status(): Promise<StatusReport> {
  const { status: code, body } = await api('status');
  if (code !== 200) throw new Error(`status answers ${code}: ${JSON.stringify(body)}`);
  return body as unknown as StatusReport;
}

/** Commits another version, and waits until the API says that it is what runs. */
async function deploy(version: string): Promise<void> {
  await write(version);
  await commitAll(repo, version);
  const commit = await git(repo, 'rev-parse', 'HEAD');
  await waitFor(`${version} runs`, async () => {
    const { appliedCommit, placements } = await status();
    return appliedCommit === commit && placements[0]?.sync === 'synced';
  });
  deployed.push(commit);
}

/** Commits of what history has of the service, oldest first; `result` for what was not applied. */
const kept = (): Promise<readonly string[]> =>
  inDatabase(postgres.url, async client => {
    const { rows } = await client.query<{ commit: string; result: string }>(
      `select r.commit, d.result from portoser.deployments d join portoser.runs r on r.id = d.run_id order by r.started_at`,
    );
    return rows.map(row => (row.result === 'applied' ? row.commit : row.result));
  });
const caughtUp = () => waitFor('history has all', async () => (await kept()).length === deployed.length);

async function end(): Promise<number | null> {
  const closed = once(controller.child, 'close');
  controller.child.kill('SIGTERM');
  return ((await closed) as [number | null])[0];
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-stores-')));
  repo = join(top, 'repo');
  await beginRepo(repo);
  [postgres, redis] = await Promise.all([startTestPostgres(), startRedis()]);
  await write('v0');
  await commitAll(repo, 'v0');
  controller = start('run --listen 127.0.0.1:0 --auth none');
  await waitFor('it listens', () => controller.texts.out.includes('listens on http://'));
  url = /listens on (http:\S+)/.exec(controller.texts.out)?.[1] ?? '';
  deployed.push(await git(repo, 'rev-parse', 'HEAD'));
  await caughtUp();
  await waitFor('both are there', async () => {
    const { history, replicas } = (await status()).controller ?? {};
    return history?.state === 'kept' && replicas?.state === 'shared';
  });
});

afterAll(async () => {
  if (controller.child.exitCode === null) await end();
  try {
    await stopServices(repo, cluster, portoser);
  } finally {
    endAll();
    await Promise.all([postgres.remove(), redis.remove()]);
    await rm(top, { recursive: true, force: true });
  }
});

describe('a PostgreSQL', () => {
  it.each([
    ['is stopped', () => postgres.stop(), () => postgres.start()],
    ['hangs', async () => postgres.hang(), async () => postgres.goOn()],
  ])('that %s holds nothing up, is missed in plain words, and is caught up with', async (what, take, bring) => {
    await take();
    await deploy(`pg-${what.length}-a`);
    await waitFor('it is missed', async () => (await status()).controller?.history?.state === 'away');
    await deploy(`pg-${what.length}-b`);

    const refused = await api('deployments');
    expect(refused).toMatchObject({ status: 503, body: { code: 'store-away' } });
    expect(refused.body['hint']).toContain('Reconciling goes on without it');
    const measured = await api('metrics');
    expect(measured).toMatchObject({
      status: 200,
      body: { away: { code: 'store-away' }, newest: [{ machine: 'me' }] },
    });
    const ended = await portoser('status');
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('No history is kept now')]);

    await bring();
    await caughtUp();
    expect(await kept()).toEqual(deployed);
    await waitFor('it says so', async () => (await status()).controller?.history?.state === 'kept');
    expect((await api('deployments')).status).toBe(200);
    await waitFor('metrics are whole again', async () => (await api('metrics')).body['away'] === undefined);
  });

  it('that is started anew at once is none the worse for it', async () => {
    await postgres.stop();
    await postgres.start();
    await deploy('restarted');
    await caughtUp();
    expect(await kept()).toEqual(deployed);
  });
});

/** Follows runs, and keeps their kinds with who asked for them. */
async function followRuns() {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  const told: string[] = [];
  socket.on('message', (data: Buffer) => void told.push(data.toString()));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', topic: 'run', id: 'runs' }));
  await waitFor('it follows', () => told.length > 0);
  return { told, close: () => socket.close() };
}

describe('a Redis', () => {
  it.each([
    ['is stopped', () => redis.stop(), () => redis.start()],
    ['hangs', async () => redis.hang(), async () => redis.goOn()],
  ])('that %s holds nothing up, is missed in plain words, and is there again', async (what, take, bring) => {
    await take();
    await deploy(`redis-${what.length}`);
    await waitFor('it is missed', async () => (await status()).controller?.replicas?.state === 'away');
    expect(await api('metrics')).toMatchObject({ status: 200, body: { newest: [{ machine: 'me' }] } });
    expect((await api('deployments')).status).toBe(200);
    const ended = await portoser('status');
    expect([ended.code, ended.out]).toEqual([0, expect.stringContaining('Redis is away')]);
    await bring();
    await waitFor('it is there again', async () => (await status()).controller?.replicas?.state === 'shared');
    await caughtUp();
    expect(await kept()).toEqual(deployed);
  });

  it('lets who looks on at one process see what another one does', async () => {
    // What is not committed is nothing to the controller; and its passes are far apart now.
    await write('far', '1h');
    await commitAll(repo, 'far');
    deployed.push(await git(repo, 'rev-parse', 'HEAD'));
    await caughtUp();
    const runs = await followRuns();
    await write('by-hand', '1h');
    const ended = await portoser('deploy tick --uncommitted --yes');
    expect(ended.code, ended.err).toBe(0);
    await waitFor(
      'its outcome is seen',
      () => runs.told.some(one => one.includes('"deployment.ended"')),
      () => runs.told.join('\n'),
    );
    const planned = runs.told.find(one => one.includes('"run.planned"')) ?? '';
    expect(JSON.parse(planned)).toMatchObject({ told: { actor: { by: 'cli' }, changes: [{ key: 'tick@me' }] } });
    runs.close();
    await git(repo, 'checkout', '--quiet', '--', 'registry.yml');
  });

  it('whose password is wrong is no reason for anything but words, without the password', async () => {
    const wrong = { REDIS_URL: redis.url.replace(redis.password, 'not-this-canary'), PORTOSER_LOG: 'info' };
    const ended = await portoser('deploy tick --yes', wrong);
    expect(ended.code, ended.err).toBe(0);
    expect(ended.err).toContain('Redis not reached');
    expect(ended.out + ended.err + tell()).not.toContain('canary');
  });
});

describe('the controller', () => {
  it('ends in order while neither answers, and what it could not tell is caught up with by the next', async () => {
    redis.hang();
    await postgres.stop();
    await deploy('unheard');
    expect(await end(), tell()).toBe(0);
    redis.goOn();
    await postgres.start();
    expect(await kept()).not.toContain(deployed.at(-1));
    controller = start('run --listen off');
    await waitFor('history has it', async () => (await kept()).includes(deployed.at(-1) ?? ''));
    expect((await kept()).filter(commit => commit === deployed.at(-1))).toHaveLength(1);
    expect(await end(), tell()).toBe(0);
  });
});
