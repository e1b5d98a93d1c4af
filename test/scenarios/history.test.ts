// History as a person meets it: kept by the controller's own PostgreSQL, taken along from before, and there after a kill.
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutputOf } from '../../reconciler/engine.js';
import type { Deployment, HistoryEvent } from '../../schema/history.js';
import { runningPostmaster, stopPostmaster } from '../../reconciler/adapters/postgres-process.js';
import { isAlive } from '../contracts/remote-shell.js';
import { stopServices } from './stop-services.js';
import { beginRepo, commitAll, typist } from './typist.js';
import { until } from './until.js';

let top = '';
let repo = '';
const data = () => join(top, 'state/postgres/data');

/** Only what it needs: whatever database the tester has is not asked. */
const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  PORTOSER_STATE_DIR: join(top, 'state'),
  PORTOSER_LISTEN: 'off',
  XDG_STATE_HOME: top,
});

const { start, portoser, endAll } = typist(() => ({ cwd: repo, env: env() }));

async function json<T>(line: string): Promise<T> {
  const { out } = await portoser(`${line} --json`);
  return JSON.parse(out) as T;
}

async function commit(greeting: string): Promise<void> {
  const command = `"sh -c 'while :; do echo ${greeting}; sleep 1; done'"`;
  const health = '{type: command, command: ["true"]}';
  await writeFile(
    join(repo, 'registry.yml'),
    `cluster: history-${process.pid}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: {type: local, machine: me, path: ${top}/tick, scope: none, command: ${command}, env: {WORD: ${greeting}}, health: ${health}}
`,
  );
  await commitAll(repo, greeting);
}

/** A controller whose history is kept. */
async function startRun(): Promise<ReturnType<typeof start>> {
  const run = start('run');
  const tell = () => `${run.texts.out}\n${run.texts.err}`;
  await until('it has made a pass', () => run.texts.out.includes('everything is as the registry says'), tell);
  await until('the database is up', async () => (await runningPostmaster(data()))?.status === 'ready', tell);
  await until('history can be read', async () => (await portoser('events')).code === 0, tell);
  return run;
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-history-')));
  await chmod(top, 0o711);
  repo = join(top, 'repo');
  await beginRepo(repo);
  await commit('one');
});

afterAll(async () => {
  await stopServices(repo, `history-${process.pid}`, portoser);
  endAll();
  const left = await runningPostmaster(data());
  if (left !== undefined) await stopPostmaster(left.pid, data());
  await rm(top, { recursive: true, force: true });
});

describe('history', () => {
  it('is kept across commands, the controller, and its violent end', async () => {
    // Without a controller there is no database, and a command that changes starts none.
    expect(await portoser('deploy')).toMatchObject({ code: 0 });
    expect(await portoser('history list')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[store-none]') as string,
    });
    expect(await readdir(join(top, 'state'))).not.toContain('postgres');

    const first = await startRun();
    const server = await runningPostmaster(data());
    const [deployed] = await json<readonly Deployment[]>('history list tick');
    expect(deployed).toMatchObject({
      key: 'tick@me',
      kind: 'create',
      result: 'applied',
      actor: { name: 'ada', by: 'cli' },
    });

    await commit('two');
    await until('it is deployed', async () => (await json<readonly Deployment[]>('history list')).length === 2);
    first.child.kill('SIGKILL');
    await once(first.child, 'close');
    expect(isAlive(server?.pid ?? 0)).toBe(true);
    const [updated] = await json<readonly Deployment[]>('history list');
    expect(updated).toMatchObject({ kind: 'update', result: 'applied', actor: { by: 'loop' } });
    const diff = await portoser(`history diff ${updated?.id.slice(0, 10)}`);
    expect(diff.out).toMatch(/env\.WORD: one → two/);
    expect(diff.out).toContain(`${deployed?.commit?.slice(0, 12)} → ${updated?.commit?.slice(0, 12)}`);
    expect((await portoser(`history show ${updated?.id}`)).out).toContain('by        the controller');

    const { newest, spans } = await json<OutputOf<'metrics'>>('metrics me --since 1h');
    expect(newest).toMatchObject([{ machine: 'me', values: { load1: expect.any(Number) as number } }]);
    expect(spans?.map(one => one.name)).toContain('uptime_seconds');
    expect((await portoser('metrics')).out).toMatch(/^MACHINE .*\nme /);

    const second = await startRun();
    expect((await runningPostmaster(data()))?.pid).toBe(server?.pid);
    const events = await json<readonly HistoryEvent[]>('events --since 1h');
    expect(events.filter(one => one.kind === 'controller.started')).toHaveLength(2);
    expect(events.filter(one => one.key === 'tick@me').map(one => one.kind)).toEqual(
      expect.arrayContaining(['deploy.begun', 'deploy.done']),
    );
    // By its own commit and the controller that runs: what is named runs now, so the one before it comes back.
    expect(await portoser(`history rollback ${updated?.id}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('a rollback is confirmed first') as string,
    });
    const back = await portoser(`history rollback ${updated?.id} --yes`);
    expect([back.code, back.err, back.out]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(
          `${updated?.id.slice(0, 12)} is what git says now[^]*returns to deployment ${deployed?.id.slice(0, 12)}`,
        ),
      ),
      expect.stringContaining('The controller that runs here'),
    ]);
    await until('it is deployed', async () => {
      const [newest] = await json<readonly Deployment[]>('history list tick');
      return newest?.fingerprint === deployed?.fingerprint && newest?.id !== deployed?.id;
    });
    expect(await readFile(join(repo, 'registry.yml'), 'utf8')).toContain('WORD: one');

    second.child.kill('SIGTERM');
    expect((await once(second.child, 'close'))[0]).toBe(0);
    expect(await runningPostmaster(data())).toBeUndefined();
    await until('its process is gone', () => !isAlive(server?.pid ?? 0));
    expect(second.texts.err).not.toMatch(/warn|error/);
    await expect(readFile(join(server?.socketFolder ?? '', '.s.PGSQL.5432'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
