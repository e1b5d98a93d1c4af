// A real Gitea tells a real controller of pushes, by its webhooks.
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../schema/status.js';
import type { Delivery } from '../../schema/webhooks.js';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { stopServices } from '../scenarios/stop-services.js';
import { type Typed, typist } from '../scenarios/typist.js';
import { until } from '../scenarios/until.js';
import { type Gitea, giteaAdmin, giteaObstacle, startGitea } from './gitea.js';

const cluster = `gitea-${process.pid}`;
const secret = '5b1e90c3d7f2486a0c9be41d';
const path = `${giteaAdmin}/fleet`;
const obstacle = giteaObstacle();
if (obstacle !== undefined) console.log(`skipped: ${obstacle}`);

let top = '';
let clone = '';
let gitea: Gitea;
let controller: Typed;
let hookId = 0;

const { start, portoser } = typist(() => ({
  cwd: top,
  env: {
    PATH: process.env['PATH'],
    HOME: top,
    USER: 'ada',
    PORTOSER_STATE_DIR: join(top, 'state'),
    PORTOSER_REPO: `${gitea.url}/${path}.git`,
    PORTOSER_GIT_TOKEN: gitea.token,
    XDG_STATE_HOME: top,
    DATABASE_URL: 'postgres://127.0.0.1:1/nobody',
    PORTOSER_WEBHOOK_SECRET: `d0e94b7c1f3a68257be1,${secret}`,
  },
}));

const tell = () => `${controller.texts.out}\n${controller.texts.err}\n${gitea.log().slice(-2000)}`;

async function push(seconds: number, branch = 'main'): Promise<string> {
  const registry = `cluster: ${cluster}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: {type: local, machine: me, path: ${join(top, 'tick')}, scope: none, command: sleep ${seconds}}
policy: {interval: 1h}
`;
  const commit = await commitFiles(clone, { 'registry.yml': registry }, `sleep ${seconds}`);
  await git(clone, 'push', '--quiet', 'origin', `HEAD:${branch}`);
  return commit;
}

/** Runs that wait for the database. */
async function runOf(commit: string): Promise<string> {
  const folder = join(top, 'state/history');
  const names = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter(one => one.isFile());
  const texts = await Promise.all(names.map(one => readFile(join(folder, one.name), 'utf8').catch(() => '')));
  return texts.flatMap(text => text.split('\n')).find(line => line.includes(`"commit":"${commit}"`)) ?? '';
}

const deployed = (commit: string) => until(`${commit} is deployed`, async () => (await runOf(commit)) !== '', tell);

async function deliveries(): Promise<readonly Delivery[]> {
  const { controller: noted } = JSON.parse((await portoser('status --json')).out) as StatusReport;
  return noted?.webhooks?.last ?? [];
}

async function delivered(what: string, found: (one: Delivery) => boolean): Promise<Delivery> {
  let last: Delivery | undefined;
  await until(what, async () => (last = (await deliveries()).find(found)) !== undefined, tell);
  return last as Delivery;
}

/** Answers its id. */
async function addHook(own: string, events: readonly string[]): Promise<number> {
  const url = /listens on (http:\S+)/.exec(controller.texts.out)?.[1] ?? '';
  const config = { url: `${url}/hooks/git`, content_type: 'json', secret: own };
  const hook = { type: 'gitea', active: true, events, config };
  return (await gitea.api<{ readonly id: number }>('POST', `/repos/${path}/hooks`, hook)).id;
}

beforeAll(async () => {
  if (obstacle !== undefined) return;
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-gitea-hooks-')));
  clone = join(top, 'clone');
  gitea = await startGitea();
  await gitea.api('POST', '/user/repos', { name: 'fleet', private: true, default_branch: 'main' });
  await mkdir(clone);
  await git(clone, 'init', '--quiet', '--initial-branch=main');
  await git(clone, 'remote', 'add', 'origin', gitea.remote(path));
  const first = await push(900);
  controller = start('run --listen 127.0.0.1:0');
  await until('it listens', () => controller.texts.out.includes('listens on http://'), tell);
  await deployed(first);
  hookId = await addHook(secret, ['push', 'pull_request', 'create']);
}, 1_500_000);

afterAll(async () => {
  if (obstacle !== undefined) return;
  const closed = once(controller.child, 'close');
  controller.child.kill('SIGTERM');
  await closed;
  await stopServices(clone, cluster, async line => {
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
    return await portoser(line);
  });
  await gitea.remove();
  await rm(top, { recursive: true, force: true });
});

describe.skipIf(obstacle !== undefined)('the webhooks of a Gitea', () => {
  it('are tried by it, and answered', async () => {
    await gitea.api('POST', `/repos/${path}/hooks/${hookId}/tests`);
    const tried = await delivered('the trial arrives', one => one.forge === 'gitea');
    expect(tried).toMatchObject({ kind: 'push', verdict: 'woken', branch: 'main' });
  });

  it('make a push deployed, long before the poll would', async () => {
    const commit = await push(901);
    await deployed(commit);
    expect(await runOf(commit)).toContain('"trigger":"webhook"');
  });

  it('of another branch are ignored, with the reason', async () => {
    await push(902, 'topic');
    const ignored = await delivered('it arrives', one => one.kind === 'push' && one.branch === 'topic');
    expect(ignored).toMatchObject({ verdict: 'ignored', why: expect.stringContaining('follows main') as string });
  });

  it('of a pull request are known as such', async () => {
    await gitea.api('POST', `/repos/${path}/pulls`, { head: 'topic', base: 'main', title: 'Wait longer' });
    const pull = await delivered('it arrives', one => one.kind === 'pull-request');
    expect(pull).toMatchObject({ forge: 'gitea', number: 1, branch: 'main' });
    expect(pull.verdict).not.toBe('refused');
  });

  it('with another secret are refused', async () => {
    const stranger = await addHook('0c7f3e91b85d42a6f01e', ['push']);
    await gitea.api('POST', `/repos/${path}/hooks/${stranger}/tests`);
    const refused = await delivered('it is refused', one => one.verdict === 'refused');
    expect(refused).toMatchObject({ forge: 'gitea', why: expect.stringContaining('fits none') as string });
  });
});
