// Secrets in every place that has some, at the real program with a real database: no way out tells one, and each way out told something.
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { routes } from '../../api/routes/table.js';
import { type Asked, type Reply, serve, type Service, webhookLike } from '../adapters/notify-servers.js';
import { inDatabase, makeDatabase, useServer } from '../adapters/postgres-fixture.js';
import { filesBelow } from '../commands/batch-machine.js';
import { type GitHttpServer, startGitHttp } from '../contracts/git-http-server.js';
import { foundIn, leak } from './sentinels.js';
import { stopServices } from './stop-services.js';
import { type Typed, typist } from './typist.js';
import { until } from './until.js';

useServer();

const cluster = `sentinel-${process.pid}`;
const notifyKey = `whsec_${Buffer.from('Notify Sentinel, the key').toString('base64')}`;
const hookSecrets = [`Hook's "Zeppelin" fourteen+7`, 'Second/Zeppelin/19x-hook'] as const;
const secrets: Record<string, string> = {
  env: `E5"nv's $ent/nel+one`,
  file: 'F1le-Sentinel-two',
  /** It could be a name as well. */
  lower: 'lowsentinel7',
  database: 'DbSentinelThree3',
  git: 'GitSentinelFour44',
  passphrase: 'pass Sentinel & five',
  forge: 'ForgeSentinelSix66',
  hook: hookSecrets[0],
  otherHook: hookSecrets[1],
  notifyKey,
  notifyPath: 'Path-Sentinel-ten/x10',
  input: 'InputSentinelEleven11',
};

/** What was told to anybody, by the way that it took. */
const told: Record<string, string[]> = {};
const tell = (way: string, ...texts: readonly string[]): void => void (told[way] ??= []).push(...texts);

let top = '';
let clone = '';
let url = '';
let database = '';
let remote: GitHttpServer;
let forge: Service;
let notified: Service;
let controller: Typed;
const sockets: WebSocket[] = [];

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  XDG_STATE_HOME: top,
  PORTOSER_STATE_DIR: join(top, 'state'),
  PORTOSER_REPO: `${remote.url}/ada/fleet.git`,
  DATABASE_URL: database,
  PORTOSER_GIT_TOKEN: secrets['git'],
  PORTOSER_SSH_PASSPHRASE: secrets['passphrase'],
  PORTOSER_FORGE: 'gitea',
  PORTOSER_FORGE_URL: forge.url,
  PORTOSER_FORGE_TOKEN: secrets['forge'],
  PORTOSER_WEBHOOK_SECRET: hookSecrets.join(','),
  PORTOSER_NOTIFY_KEY: notifyKey,
  PORTOSER_NOTIFY_URL: `${notified.url}/${secrets['notifyPath']}`,
  PORTOSER_LOG: 'debug',
  PORTOSER_LOG_FORMAT: 'json',
});

const { start, portoser, endAll } = typist(() => ({ cwd: top, env: env() }));
const git = (...words: string[]) => promisify(execFile)('git', ['-C', clone, ...words]);
const controllerSaid = () => `${controller.texts.out}\n${controller.texts.err}`;

const leaky = (mark: string, more: object = {}) => ({
  type: 'local',
  machine: 'me',
  path: join(top, 'leaky'),
  source: 'files',
  scope: 'none',
  command: [process.execPath, 'leak.mjs'],
  env: { DB_PASSWORD: secrets['env'], OTHER_PASSWORD: secrets['lower'], MARK: mark },
  env_file: 'own.env',
  health: { type: 'command', command: [process.execPath, 'sick.mjs'], deadline: '2s', interval: '1s' },
  ...more,
});

async function commit(services: object): Promise<string> {
  const on = ['deploy.failed', 'deploy.done', 'service.down', 'drift'];
  const registry = {
    cluster,
    machines: { me: { host: 'local', user: 'root', platform: 'linux' } },
    services,
    notify: [{ type: 'webhook', url: 'env:PORTOSER_NOTIFY_URL', secret: 'env:PORTOSER_NOTIFY_KEY', on }],
    policy: { interval: '1h', on_failure: 'leave' },
  };
  await writeFile(join(clone, 'registry.yml'), JSON.stringify(registry));
  await git('add', '-A');
  await git('commit', '-q', '-m', 'change');
  return (await git('rev-parse', 'HEAD')).stdout.trim();
}

/** As much of Gitea as reviews ask for. */
function giteaLike(head: () => string): (asked: Asked) => Reply {
  const comments: { readonly id: number; body: unknown; readonly user: { readonly id: number } }[] = [];
  return ({ method, path, body }) => {
    const what = `${method} ${path.split('?')[0]?.replace('/api/v1', '')}`;
    if (what === 'GET /user') return { status: 200, body: { id: 7 } };
    if (what === 'GET /repos/ada/fleet/pulls')
      return { status: 200, body: [{ number: 1, head: { sha: head() }, base: { ref: 'main' } }] };
    if (what === 'GET /repos/ada/fleet/issues/1/comments') return { status: 200, body: comments };
    const changed = what.startsWith('PATCH /repos/ada/fleet/issues/comments/') ? comments[0] : undefined;
    if (changed !== undefined) changed.body = body['body'];
    if (what === 'POST /repos/ada/fleet/issues/1/comments')
      comments.push({ id: 1, body: body['body'], user: { id: 7 } });
    return { status: 201, body: {} };
  };
}

async function ask(path: string, body?: object): Promise<number> {
  const more = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${secrets['api']}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { ...more, headers });
  tell(path === '/metrics' ? 'metrics' : 'api', await response.text(), JSON.stringify([...response.headers]));
  return response.status;
}

function follow(path: string, ...topics: readonly object[]): void {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, {
    headers: { authorization: `Bearer ${secrets['api']}` },
  });
  sockets.push(socket);
  socket.on('message', (data: Buffer) => tell(path, data.toString()));
  socket.on('open', () =>
    topics.forEach((topic, id) => socket.send(JSON.stringify({ type: 'subscribe', id: `${id}`, ...topic }))),
  );
}

const has = (way: string, what: string | RegExp): boolean =>
  (told[way] ?? []).some(text => (typeof what === 'string' ? text.includes(what) : what.test(text)));
const come = (way: string, what: string | RegExp): Promise<void> =>
  until(
    `${way} told ${String(what)}`,
    () => has(way, what),
    () => `${(told[way] ?? []).join('\n')}\n${controllerSaid()}`,
  );

async function sendHook(branch: string): Promise<void> {
  const repository = { full_name: 'ada/fleet', clone_url: `${remote.url}/ada/fleet.git` };
  const body = JSON.stringify({ ref: `refs/heads/${branch}`, repository });
  const signature = createHmac('sha256', hookSecrets[1]).update(body).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-gitea-event': 'push', 'x-gitea-signature': signature };
  const response = await fetch(`${url}/hooks/git`, { method: 'POST', body, headers });
  tell('hooks', await response.text());
}

/** All rows of all tables that are not PostgreSQL's own. */
async function dump(): Promise<readonly string[]> {
  return await inDatabase(database, async client => {
    const tables = await client.query<{ readonly name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const rows: string[] = [];
    for (const { name } of tables.rows) {
      const found = await client.query<{ readonly row: string }>(
        `select row_to_json(t)::text as row from ${name} as t`,
      );
      rows.push(...found.rows.map(({ row }) => `${name} ${row}`));
    }
    return rows;
  });
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-sentinel-')));
  clone = join(top, 'clone');
  const bare = join(top, 'git/ada/fleet.git');
  await mkdir(bare, { recursive: true });
  await mkdir(clone);
  await promisify(execFile)('git', ['init', '-q', '--bare', '-b', 'main', bare]);
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.org');
  await git('remote', 'add', 'origin', bare);
  await mkdir(join(clone, 'files'));
  await writeFile(join(clone, 'files/leak.mjs'), leak);
  await writeFile(join(clone, 'files/own.env'), `FILE_TOKEN=${secrets['file']}\n`);
  const sick = `import { readFileSync } from 'node:fs';\nconsole.log('ill', readFileSync('own.env', 'utf8'));\nprocess.exit(1);\n`;
  await writeFile(join(clone, 'files/sick.mjs'), sick);
  remote = await startGitHttp(join(top, 'git'));
  // The server lets its role in without one.
  database = (await makeDatabase()).replace('@', `:${secrets['database']}@`);

  await commit({ leaky: leaky('first') });
  await git('push', '-q', 'origin', 'main');
  // A pull request, with a service that is named as a secret is.
  const head = await commit({
    leaky: leaky('first'),
    [secrets['lower'] ?? '']: leaky('new', { path: join(top, 'other') }),
  });
  await git('push', '-q', 'origin', 'HEAD:refs/pull/1/head');
  await git('reset', '-q', '--hard', 'HEAD~1');
  forge = await serve(giteaLike(() => head));
  notified = await serve(webhookLike(notifyKey));

  const created = await portoser('token create sentinel --role admin --json');
  secrets['api'] = (JSON.parse(created.out) as { readonly token: string }).token;
  controller = start('run --listen 127.0.0.1:0');
  await until('it listens', () => controller.texts.out.includes('listens on http://'), controllerSaid);
  url = /listens on (http:\S+)/.exec(controller.texts.out)?.[1] ?? '';
  await until('it has deployed', () => /leaky@me: (failed|unhealthy)/.test(controllerSaid()), controllerSaid);
});

afterAll(async () => {
  for (const one of sockets) one.terminate();
  const closed = once(controller.child, 'close');
  controller.child.kill('SIGTERM');
  await closed;
  await stopServices(clone, cluster, async line => {
    await git('push', '-q', 'origin', 'main');
    return await portoser(line);
  });
  endAll();
  await Promise.all([remote.stop(), forge.close(), notified.close()]);
  await rm(top, { recursive: true, force: true });
});

describe.skipIf(process.getuid?.() !== 0)('no secret is told, in any form, and much else is', () => {
  it('by WebSockets', async () => {
    follow('/ws', { topic: 'status' }, { topic: 'events' }, { topic: 'run' }, { topic: 'logs', service: 'leaky' });
    follow('/api/metrics/ws');
    await come('/ws', '*** was told');
    await commit({ leaky: leaky('second') });
    await git('push', '-q', 'origin', 'main');
    await sendHook('main');
    await come('/ws', /"type":"run".*"kind":"run\.planned"/);
    await come('/ws', /"type":"run".*"kind":"deployment\.ended"/);
    await come('/ws', /"type":"health".*\*\*\*/);
    await come('/ws', /"type":"event".*\*\*\*/);
    await come('/api/metrics/ws', '"type":"sample"');
    expect(has('/ws', '"type":"error"')).toBe(false);
  });

  it('by webhooks, and of who sent them', async () => {
    expect(has('hooks', '"verdict":"woken"')).toBe(true);
    await sendHook(secrets['lower'] ?? '');
    expect(has('hooks', 'it is about the branch ***')).toBe(true);
    const refused = await fetch(`${url}/hooks/git`, { method: 'POST', body: secrets['hook'] ?? '' });
    tell('hooks', await refused.text());
  });

  it('by the API, whatever it is asked', async () => {
    // Known from then on.
    const more = { type: 'local', machine: ['me'], path: `/x/${secrets['env']}`, env: [`API_KEY=${secrets['input']}`] };
    expect(await ask('/api/services', { name: 'other', ...more })).toBeGreaterThan(0);
    const program = [process.execPath, join(top, 'leaky/leak.mjs'), ...Object.values(secrets)];
    expect(await ask('/api/exec', { target: 'leaky', command: program })).toBe(200);
    expect(told['api']?.at(-2)?.match(/\*\*\* was told/g)?.length).toBe(Object.keys(secrets).length);
    const listed = await fetch(`${url}/api/deployments`, { headers: { authorization: `Bearer ${secrets['api']}` } });
    const [{ id }] = (await listed.json()) as [{ readonly id: string }];
    const members: Readonly<Record<string, string>> = { service: 'leaky', name: 'leaky', id };
    const gets = Object.values(routes).filter(one => one.startsWith('GET '));
    const answered: Record<string, number> = {};
    for (const route of gets) {
      const named = route
        .replace('/machines/:name', '/machines/me')
        .replace(/:(\w+)/g, (_, member: string) => members[member] ?? '');
      answered[route] = await ask(named.slice('GET '.length));
    }
    expect(gets.length).toBeGreaterThan(20);
    expect(Object.entries(answered).filter(([, status]) => status !== 200)).toEqual([]);
    expect(await ask(`/api/deployments/${encodeURIComponent(secrets['env'] ?? '')}`)).toBe(404);
    expect(await ask('/metrics')).toBe(200);
    expect(has('api', '"leaky@me"')).toBe(true);
    expect(has('metrics', 'portoser_')).toBe(true);
  });

  it('to a forge', async () => {
    const bodies = () => forge.taken.filter(one => one.method !== 'GET').map(one => `${one.path} ${one.raw}`);
    const tellBodies = () => bodies().join('\n');
    await until('there is a comment', () => bodies().some(one => one.includes('/issues/')), tellBodies);
    await until('there is a status', () => bodies().some(one => one.includes('/statuses/')), tellBodies);
    tell('forge', ...bodies());
    expect(has('forge', '***@me')).toBe(true);
    expect(forge.taken.every(one => one.headers.authorization?.includes(secrets['forge'] ?? '!'))).toBe(true);
  });

  it('to people', async () => {
    const raw = () => notified.taken.map(one => one.raw);
    await until(
      'somebody was told of it',
      () => raw().some(one => one.includes('leaky@me')),
      () => `${raw().join('\n')}\n${controllerSaid()}`,
    );
    tell('people', ...raw());
    expect(has('people', '***')).toBe(true);
    expect(await ask('/api/notify/test', {})).toBe(200);
    expect(has('api', '"told":true')).toBe(true);
  });

  it('by commands', async () => {
    for (const line of [
      'status --json',
      'plan',
      'events --json',
      'audit list --json',
      'audit verify',
      'logs leaky',
      'config show',
    ]) {
      const { out, err } = await portoser(line);
      tell('commands', out, err);
      const remotely = await portoser(line, { PORTOSER_SERVER: url, PORTOSER_TOKEN: secrets['api'] ?? '' });
      tell('commands', remotely.out, remotely.err);
    }
    expect(has('commands', '*** was told')).toBe(true);
    expect(has('commands', 'ill FILE_TOKEN=***')).toBe(true);
  });

  it('in the audit log, the database, the log and what the controller keeps', async () => {
    await until('the audit log is copied', async () =>
      (await dump()).some(row => /^portoser\.audit .*API_KEY=/.test(row)),
    );
    tell('database', ...(await dump()));
    tell('log', controller.texts.err);
    tell('said', controller.texts.out);
    // Its clone and the machine's own folder hold what people wrote.
    for (const path of filesBelow(join(top, 'state')).filter(one => !/\/(git|clusters)\//.test(one)))
      tell(path.includes('/audit/') ? 'audit' : 'kept', `${path}\n${await readFile(path, 'utf8')}`);
    for (const [way, what] of Object.entries({
      database: /^portoser\.(deployments|events) .*\*\*\*/,
      log: /"level":"debug"/,
      said: /leaky@me: unhealthy: exit code 1: ill FILE_TOKEN=\*\*\*/,
      audit: /API_KEY=\*\*\*/,
      kept: /it is about the branch \*\*\*/,
    }))
      expect([way, has(way, what)]).toEqual([way, true]);
    for (const what of [
      '"what":"exec"',
      '"what":"hook"',
      '"what":"review.comment"',
      '"what":"token.create"',
      '"what":"notify.test"',
    ])
      expect([what, has('audit', what)]).toEqual([what, true]);
  });

  it('at all', () => {
    const found = Object.entries(told).flatMap(([way, texts]) => foundIn(texts, secrets).map(one => `${way}: ${one}`));
    expect(found).toEqual([]);
    expect(Object.keys(told).toSorted()).toEqual(
      [
        '/api/metrics/ws',
        '/ws',
        'api',
        'audit',
        'commands',
        'database',
        'forge',
        'hooks',
        'kept',
        'log',
        'metrics',
        'people',
        'said',
      ].toSorted(),
    );
  });
});
