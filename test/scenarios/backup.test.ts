// The drill: saved while the controller runs, lost, and brought back; nothing that was done since is done or undone by it.
import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runningPostmaster, stopPostmaster } from '../../reconciler/adapters/postgres-process.js';
import type { Deployment, HistoryEvent } from '../../schema/history.js';
import { stopServices } from './stop-services.js';
import { beginRepo, commitAll, typist } from './typist.js';
import { until } from './until.js';

let top = '';
let repo = '';
let state = '';

const { start, portoser, endAll } = typist(() => ({
  cwd: repo,
  env: {
    PATH: process.env.PATH,
    HOME: top,
    USER: 'ada',
    PORTOSER_STATE_DIR: state,
    PORTOSER_LISTEN: 'off',
    XDG_STATE_HOME: top,
  },
}));

const json = async <T>(line: string): Promise<T> => JSON.parse((await portoser(`${line} --json`)).out) as T;
const list = () => json<readonly Deployment[]>('history list');

async function commit(word: string): Promise<void> {
  const command = `"sh -c 'while :; do sleep 1; done'"`;
  await writeFile(
    join(repo, 'registry.yml'),
    `cluster: backup-${process.pid}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: {type: local, machine: me, path: ${top}/tick, scope: none, command: ${command}, env: {WORD: ${word}}, health: {type: command, command: ["true"]}}
`,
  );
  await commitAll(repo, word);
}

async function startRun() {
  const run = start('run');
  const tell = () => `${run.texts.out}\n${run.texts.err}`;
  await until('it has made a pass', () => run.texts.out.includes('everything is as the registry says'), tell);
  await until('history can be read', async () => (await portoser('events')).code === 0, tell);
  return run;
}

async function stop({ child }: { readonly child: ChildProcess }): Promise<void> {
  child.kill('SIGTERM');
  expect((await once(child, 'close'))[0]).toBe(0);
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-backup-')));
  await chmod(top, 0o711);
  repo = join(top, 'repo');
  state = join(top, 'state');
  await beginRepo(repo);
  await mkdir(join(top, '.config/portoser'), { recursive: true });
  await writeFile(join(top, '.config/portoser/config.yml'), 'branch: main\n');
  await commit('one');
});

afterAll(async () => {
  await stopServices(repo, `backup-${process.pid}`, portoser);
  endAll();
  for (const name of ['state', 'fresh']) {
    const data = join(top, name, 'postgres/data');
    const left = await runningPostmaster(data);
    if (left !== undefined) await stopPostmaster(left.pid, data);
  }
  await rm(top, { recursive: true, force: true });
});

it('a backup of a running controller comes back, into an older state and into an empty one', async () => {
  const file = join(top, 'saved');
  const secret = { PORTOSER_BACKUP_PASSPHRASE: 'correct horse' };
  const first = await startRun();
  await until('it is deployed', async () => (await list()).length === 1);
  const [deployed] = await list();
  const saved = await portoser(`backup ${file}`, secret);
  expect(saved).toMatchObject({ code: 0, err: '' });
  expect(saved.out).toMatch(/^Saved to \S+ \(encrypted\)\.\n {2}history: .*1 deployments/);
  expect(saved.out).toContain('Not in it: data of Vault');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await portoser(`backup ${file}`, secret)).toMatchObject({
    code: 1,
    err: expect.stringContaining('[backup-exists]') as string,
  });
  await commit('two');
  await until('the next is deployed', async () => (await list()).length === 2);
  expect(await portoser(`restore ${file} --yes`, secret)).toMatchObject({
    code: 1,
    err: expect.stringContaining('[state-dir-busy]') as string,
  });
  await stop(first);

  // What it was made for is not the case: nothing is touched.
  for (const [line, more, code] of [
    [`restore ${file}`, secret, 'backup-exists'],
    [`restore ${file} --yes`, {}, 'backup-passphrase'],
    [`restore ${file} --yes`, { PORTOSER_BACKUP_PASSPHRASE: 'wrong' }, 'backup-passphrase'],
  ] as const)
    expect((await portoser(line, more)).err).toContain(`[${code}]`);
  const cut = join(top, 'cut');
  await writeFile(cut, (await readFile(file)).subarray(0, -7));
  expect((await portoser(`restore ${cut} --yes`, secret)).err).toContain('[backup-broken]');
  const id = await readFile(join(state, 'controller-id'), 'utf8');

  const restored = await portoser(`restore ${file} --yes`, secret);
  expect(restored).toMatchObject({ code: 0, err: '' });
  expect(await runningPostmaster(join(state, 'postgres/data'))).toBeUndefined();
  expect((await readdir(state)).filter(name => name.startsWith('restoring-'))).toEqual([]);

  // The machine has "two", as git says; the old history brings nothing of "one" back.
  expect(await portoser('plan')).toMatchObject({ code: 0 });
  const second = await startRun();
  expect((await list()).map(one => one.id)).toEqual([deployed?.id]);
  expect(second.texts.out).not.toMatch(/tick@me: (updating|creating|restarting)/);
  await commit('three');
  await until('it goes on from there', async () => (await list()).length === 2);
  const events = await json<readonly HistoryEvent[]>('events');
  expect(new Set(events.map(one => one.id)).size).toBe(events.length);
  await stop(second);

  // Everything is lost but the file.
  await rm(state, { recursive: true });
  await rm(join(top, '.config'), { recursive: true });
  state = join(top, 'fresh');
  expect(await portoser(`restore ${file}`, secret)).toMatchObject({ code: 0 });
  expect(await readFile(join(state, 'controller-id'), 'utf8')).toBe(id);
  expect(await readFile(join(top, '.config/portoser/config.yml'), 'utf8')).toBe('branch: main\n');
  expect(await portoser('plan')).toMatchObject({ code: 0 });
  const again = join(top, 'again');
  // Without a controller its database runs for just as long as that takes.
  expect((await portoser(`backup ${again} --json`)).out).toContain('"deployments": 1');
  expect(await runningPostmaster(join(state, 'postgres/data'))).toBeUndefined();
  const third = await startRun();
  expect((await list()).map(one => one.id)).toEqual([deployed?.id]);
  await stop(third);
}, 300_000);
