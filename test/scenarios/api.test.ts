// The API of a controller that runs, with its database away: who is let in, what is done for them, and how it ends.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PassReport } from '../../schema/status.js';
import { stopServices } from './stop-services.js';
import { WebSocket } from 'ws';
import { beginRepo, commitAll, typist } from './typist.js';
import { until } from './until.js';

const cluster = `api-${process.pid}`;

let top = '';
let repo = '';

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  PORTOSER_STATE_DIR: join(top, 'state'),
  XDG_STATE_HOME: top,
  DATABASE_URL: 'postgres://127.0.0.1:1/nobody',
});

const { start, portoser, endAll } = typist(() => ({ cwd: repo, env: env() }));

async function commit(services: string): Promise<void> {
  const registry = `cluster: ${cluster}
machines:
  me: {host: local, user: root, platform: linux}
services:${services}
policy: {interval: 1h}
`;
  await writeFile(join(repo, 'registry.yml'), registry);
  await commitAll(repo, 'change');
}

/** A controller that answers, and its address. */
async function startRun(more = '') {
  const run = start(`run --listen 127.0.0.1:0${more}`);
  const tell = () => `${run.texts.out}\n${run.texts.err}`;
  await until('it listens', () => run.texts.out.includes('listens on http://'), tell);
  const url = /listens on (http:\S+)/.exec(run.texts.out)?.[1] ?? '';
  await until('it is ready', async () => (await fetch(`${url}/readyz`)).ok, tell);
  const stop = async (): Promise<number | null> => {
    const closed = once(run.child, 'close');
    run.child.kill('SIGTERM');
    return ((await closed) as [number | null])[0];
  };
  return { ...run, url, stop };
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-api-')));
  repo = join(top, 'repo');
  await beginRepo(repo);
  await commit(' {}');
});

afterAll(async () => {
  await stopServices(repo, cluster, portoser);
  endAll();
  await rm(top, { recursive: true, force: true });
});

/** Follows, and keeps what it is told. */
async function follow(url: string, token: string, topics: Readonly<Record<string, object>>) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers: { authorization: `Bearer ${token}` } });
  const told: { readonly type: string; readonly id: string; readonly [more: string]: unknown }[] = [];
  socket.on('message', (data: Buffer) => void told.push(JSON.parse(data.toString()) as (typeof told)[number]));
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  for (const [topic, more] of Object.entries(topics))
    socket.send(JSON.stringify({ type: 'subscribe', topic, id: topic, ...more }));
  const text = () => JSON.stringify(told);
  return { told, closed, text, sees: (what: string) => until(what, () => text().includes(what), text) };
}

const firstToken = /first token of the API \(admin\), shown only now: (portoser_\S+)/;

describe('the API of a controller', () => {
  it('lets in who has a token, does what they may, and ends in order', async () => {
    const run = await startRun();
    await until(
      'the first token is told',
      () => firstToken.test(run.texts.err),
      () => run.texts.err,
    );
    const admin = firstToken.exec(run.texts.err)?.[1] ?? '';
    const ask = (path: string, token: string, method = 'GET', body?: object) =>
      fetch(`${run.url}${path}`, {
        method,
        headers: {
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    expect((await ask('/api/status', '')).status).toBe(401);
    expect(await (await ask('/api/status', admin)).json()).toMatchObject({
      cluster,
      controller: { pid: run.child.pid },
    });

    const made = await portoser('token create eve --json');
    const { token: viewer } = JSON.parse(made.out) as { token: string };
    expect((await ask('/metrics', '')).status).toBe(401);
    const told = await (await ask('/metrics', viewer)).text();
    expect(told.split('\n')).toEqual(
      expect.arrayContaining([
        'portoser_machine_reachable{machine="me"} 1',
        'portoser_passes_total{result="again"} 0',
        'portoser_git_up 1',
        'portoser_history_up 0',
        'portoser_drift 0',
      ]),
    );
    expect(told).toMatch(/^portoser_machine_load1\{machine="me"\} \d/m);
    expect((await ask('/api/machines', viewer)).status).toBe(200);
    expect((await ask('/api/reconcile', viewer, 'POST')).status).toBe(403);
    expect((await ask('/api/events', viewer)).status).toBe(503);

    const followed = await follow(run.url, viewer, { run: {}, events: {}, status: {} });
    await followed.sees('"kept":false');
    const added = {
      name: 'tick',
      type: 'local',
      machine: ['me'],
      path: join(top, 'tick'),
      scope: 'none',
      command: 'sh -c "while :; do echo tick-tock; sleep 1; done"',
    };
    expect(await (await ask('/api/services', admin, 'POST', added)).json()).toMatchObject({ unchanged: false });
    expect(await readFile(join(repo, 'registry.yml'), 'utf8')).toContain('tick:');
    const lying = await ask('/api/deploy', admin, 'POST', { services: ['tick'], uncommitted: true });
    expect([lying.status, await lying.json()]).toMatchObject([400, { code: 'usage' }]);
    const pass = (await (await ask('/api/deploy', admin, 'POST', { services: ['tick'] })).json()) as PassReport;
    // The commit itself rings the controller, too: one of the two has done it, and neither stood in the other's way.
    expect(pass).toMatchObject({ trigger: 'deploy by first-admin', next: { next: 'settled' } });
    const again = (await (await ask('/api/reconcile', admin, 'POST')).json()) as PassReport;
    expect(again).toMatchObject({ outcomes: [], findings: [], next: { next: 'settled' } });
    expect(await (await ask('/api/services/tick/observe', viewer)).json()).toBeTruthy();
    await followed.sees('"kind":"run.ended"');
    await followed.sees('"kind":"deploy.done"');
    await followed.sees('"type":"controller"');
    const kinds = followed.told.flatMap(one => (one.type === 'run' ? [(one['told'] as { kind: string }).kind] : []));
    expect(kinds[0]).toBe('run.planned');
    expect(kinds.filter(kind => kind === 'step.begun').length).toBeGreaterThan(2);
    expect(kinds.filter(kind => kind === 'step.ended')).toHaveLength(
      kinds.filter(kind => kind === 'step.begun').length,
    );
    const log = await follow(run.url, admin, { logs: { service: 'tick' } });
    await log.sees('"lines":["tick-tock"]');

    const second = await portoser('run --listen 127.0.0.1:0');
    expect(second).toMatchObject({ code: 1, out: '', err: expect.stringContaining('[state-dir-busy]') as string });

    expect((await portoser('token revoke eve')).code).toBe(0);
    expect((await ask('/api/machines', viewer)).status).toBe(401);
    expect(await followed.closed).toBe(4401);
    expect(await run.stop()).toBe(0);
    expect(await log.closed).toBe(1001);
    expect(run.texts.err).not.toContain('not served');
    await expect(fetch(`${run.url}/healthz`)).rejects.toThrow('fetch failed');
  }, 180_000);

  it('tells no token at later starts, and needs none with --auth none', async () => {
    const run = await startRun(' --auth none');
    const post = (headers: Record<string, string>) => fetch(`${run.url}/api/reconcile`, { method: 'POST', headers });
    expect((await post({})).status).toBe(200);
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403);
    expect(await run.stop()).toBe(0);
    const later = await startRun();
    expect(await later.stop()).toBe(0);
    expect(`${run.texts.err}${later.texts.err}`).not.toContain('portoser_');
  }, 180_000);

  it('is what `portoser --server` asks: by commits, with the words that the same command has here', async () => {
    const run = await startRun();
    const { token } = JSON.parse((await portoser('token create remote --role operator --json')).out) as {
      token: string;
    };
    await writeFile(join(top, 'token'), `${token}\n`);
    const from = (line: string) =>
      portoser(`--server ${run.url} ${line}`, {
        PORTOSER_TOKEN_FILE: join(top, 'token'),
        PORTOSER_STATE_DIR: join(top, 'none'),
      });
    for (const line of [
      'machine list',
      'service list',
      'service show tick --json',
      'deps order',
      'registry validate',
      'why tick',
    ])
      expect(await from(line)).toEqual(await portoser(line));
    const registry = join(repo, 'registry.yml');
    const committed = await readFile(registry, 'utf8');
    await writeFile(registry, committed.replace('tick-tock', 'tock-tick'));
    expect((await portoser('plan')).code).toBe(2);
    expect((await from('plan')).code).toBe(0);
    expect(await from('deploy tick')).toMatchObject({ code: 0, err: '' });
    await writeFile(registry, committed);

    const following = start(`--server ${run.url} logs tick -f`, { PORTOSER_TOKEN_FILE: join(top, 'token') });
    const lines = () => following.texts.out.split('tick-tock\n').length;
    await until(
      'lines come',
      () => lines() > 1,
      () => following.texts.err,
    );
    const before = lines();
    await until(
      'more of them come',
      () => lines() > before + 1,
      () => following.texts.err,
    );
    const left = once(following.child, 'close');
    following.child.kill('SIGINT');
    await left;
    expect(following.texts.out.replaceAll('tick-tock\n', '')).toBe('');

    expect(await from('machine forget me --yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[role-missing]') as string,
    });
    expect(await from('token list')).toMatchObject({ code: 1, err: expect.stringContaining('[usage]') as string });
    expect(existsSync(join(top, 'none'))).toBe(false);
    expect(await run.stop()).toBe(0);
    expect(await from('status')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[server-unreachable]') as string,
    });
  }, 180_000);

  it('refuses at once what cannot be, before anything is looked at', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const busy = await portoser(`run --listen 127.0.0.1:${port}`);
    other.close();
    expect(busy).toMatchObject({ code: 1, out: '' });
    expect(busy.err).toContain(`127.0.0.1:${port}: something listens there already`);
    expect(busy.err).toContain('[listen-refused]');
    const open = await portoser('run --listen 0.0.0.0:0 --auth none');
    expect(open).toMatchObject({ code: 1, out: '', err: expect.stringContaining('[settings-invalid]') as string });
    const once1 = await portoser('run --once --auth none');
    expect(once1).toMatchObject({ code: 1, out: '', err: expect.stringContaining('[usage]') as string });
  }, 60_000);
});
