// The command line as a process: what it prints where, and its exit codes; a whole life of one local service.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { typedFaults } from '../answers.js';
import { program } from '../program.js';
import { beginRepo, commitAll, type Ended } from './typist.js';

let top = '';
let repo = '';

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  XDG_STATE_HOME: join(top, 'xdg'),
  PORTOSER_STATE_DIR: join(top, 'state'),
  PORTOSER_LISTEN: 'off',
});
const start = (words: readonly string[], cwd = repo): ChildProcess =>
  spawn(process.execPath, [program, ...words], { cwd, env: env(), stdio: ['ignore', 'pipe', 'pipe'] });

/** Reads both outputs until the process has ended. */
async function ended(child: ChildProcess): Promise<Ended> {
  const texts = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
  child.stderr?.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

async function portoser(line: string, cwd?: string): Promise<Ended> {
  const typed = await ended(start(line.split(' ').filter(Boolean), cwd));
  expect(typedFaults(line, typed.out)).toBeUndefined();
  return typed;
}

async function git(...words: string[]): Promise<void> {
  await promisify(execFile)('git', ['-C', repo, ...words]);
}

async function commitRegistry(text: string): Promise<void> {
  await writeFile(join(repo, 'registry.yml'), text);
  await commitAll(repo, 'change');
}

/** Waits until the child's output holds a text; goes on reading after that. */
function until(child: ChildProcess, text: string): Promise<void> {
  let seen = '';
  return new Promise((found, missed) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += String(chunk);
      if (seen.includes(text)) found();
    });
    child.once('close', () => missed(new Error(`it ended without ${text}: ${seen}`)));
  });
}

const registry = (services: string): string => `cluster: cli-${process.pid}
machines:
  me: {host: local, user: root, platform: linux}
services:${services}
`;

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-cli-')));
  repo = join(top, 'repo');
  await beginRepo(repo);
  await commitRegistry(registry(' {}'));
});
afterAll(async () => {
  if (top !== '') await rm(top, { recursive: true, force: true });
});

describe('without a repository', () => {
  it('--help and --version answer on standard output', async () => {
    const help = await portoser('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('Usage: portoser <command>');
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await portoser('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
    expect(await portoser('plan --version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('a word that comes later says so', async () => {
    const answer = await portoser('diagnose web');
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toContain('`portoser diagnose` is not supported yet');
    expect(answer.err).toContain('[not-supported]');
  });

  it('a mistyped line is a failure, not a finding', async () => {
    const answer = await portoser('plan --jsn');
    expect(answer).toMatchObject({ code: 1, out: '' });
    expect(answer.err).toContain('Did you mean `--json`?');
  });

  it('in JSON a failure is an object with its code', async () => {
    const answer = await portoser('plan --json', top);
    expect(answer).toMatchObject({ code: 1, err: '' });
    expect(JSON.parse(answer.out)).toMatchObject({
      error: { code: 'registry-missing', retry: 'human', hint: expect.stringContaining('portoser init') as string },
    });
  });

  it('config show tells each source and no secret', async () => {
    const child = spawn(process.execPath, [program, 'config', 'show', '--json', '--branch', 'b'], {
      cwd: top,
      env: { ...env(), PORTOSER_GIT_TOKEN: 'hush', PORTOSER_REPO: 'https://me:hush@forge.example/a.git' },
    });
    const { out } = await ended(child);
    expect(out).not.toContain('hush');
    expect(JSON.parse(out)).toEqual(
      expect.arrayContaining([
        { name: 'branch', value: 'b', from: 'flag', where: '--branch' },
        { name: 'repo', value: 'https://***@forge.example/a.git', from: 'environment', where: 'PORTOSER_REPO' },
        { name: 'PORTOSER_GIT_TOKEN', value: '***', from: 'environment', where: 'PORTOSER_GIT_TOKEN' },
        { name: 'state-dir', value: join(top, 'state'), from: 'environment', where: 'PORTOSER_STATE_DIR' },
      ]),
    );
  });
});

describe('init', () => {
  it('writes a registry that is valid, and never over one', async () => {
    const folder = join(top, 'My New Home');
    expect(await ended(start(['init', folder], top))).toMatchObject({
      code: 0,
      out: expect.stringContaining('git init') as string,
    });
    const text = await readFile(join(folder, 'registry.yml'), 'utf8');
    expect(text).toContain('cluster: my-new-home');
    expect(await portoser('registry validate', folder)).toMatchObject({
      code: 0,
      out: 'registry.yml is valid: 0 machines, 0 services.\n',
    });
    const again = await portoser('init', folder);
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toContain('[registry-edit]');
    expect(await readFile(join(folder, 'registry.yml'), 'utf8')).toBe(text);
  });

  it('what it wrote takes machines and services', async () => {
    const folder = join(top, 'My New Home');
    const add = 'machine add --name m1 --host 192.168.0.245 --user admin --platform darwin';
    expect(await portoser(add, folder)).toMatchObject({ code: 0 });
    expect(
      await portoser('service add --name my-app --type docker --path /opt/my-app --machine m1', folder),
    ).toMatchObject({ code: 0 });
    const text = await readFile(join(folder, 'registry.yml'), 'utf8');
    expect(text).toContain('# Machines are reached by SSH');
    expect(text).toContain('my-app:');
  });
});

describe('a registry with faults', () => {
  it('is refused with all of them, by place', async () => {
    const folder = join(top, 'faulty');
    await mkdir(folder);
    await writeFile(
      join(folder, 'registry.yml'),
      'machines:\n  m1: {host: a, user: b, platfrom: linux}\nservices:\n  web: {type: dcoker, machine: m2, path: x}\n',
    );
    const answer = await portoser('registry validate', folder);
    expect(answer.code).toBe(1);
    expect(answer.out).toMatch(/registry\.yml:2:\d+ error/);
    expect(answer.out).toMatch(/registry\.yml:4:\d+ error/);
    expect(await portoser('plan', folder)).toMatchObject({ code: 1 });
    expect(await portoser('machine list', folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining('[registry-invalid]') as string,
    });
  });
});

/** Who holds the lock of this machine is told; it is broken only when somebody says so. */
async function breakALock(): Promise<void> {
  const lock = join(top, 'xdg/portoser/clusters', `cli-${process.pid}`, 'lock');
  expect(await portoser('lock show me')).toMatchObject({ code: 0, out: expect.stringMatching(/me +free/) as string });
  expect(await portoser('lock break me')).toMatchObject({ code: 0, out: 'me is not locked.\n' });
  await writeFile(lock, `c0ffee 71:70 ${Math.floor(Date.now() / 1000)} 9\n`);
  expect(await portoser('lock show')).toMatchObject({
    code: 0,
    out: expect.stringContaining('held by another controller (c0ffee, process 71 there)') as string,
  });
  expect(await portoser('lock break me')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Say --yes.') as string,
  });
  expect(await portoser('lock break me --yes --json')).toMatchObject({ code: 0 });
  expect(await portoser('lock show me')).toMatchObject({ out: expect.stringMatching(/me +free/) as string });
}

describe('the life of a service on this machine', () => {
  it('is planned, deployed, seen, entered, and stopped again', async () => {
    expect(await portoser('plan')).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to do') as string });

    await writeFile(
      join(repo, 'registry.yml'),
      registry(
        `\n  tick: {type: local, machine: me, path: ${top}/tick, scope: none, command: "sh -c 'while :; do echo tock; sleep 0.2; done'"}`,
      ),
    );
    const lying = await portoser('plan');
    expect(lying).toMatchObject({ code: 2, out: expect.stringMatching(/\+ create tick@me \(missing/) as string });
    expect(lying.out).toContain('These files differ from the commit');
    expect(await portoser('deploy')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[uncommitted]') as string,
    });
    await git('commit', '-q', '-a', '-m', 'tick');
    expect(await portoser('deploy tick --dry-run')).toMatchObject({ code: 2 });

    const deployed = await portoser('deploy tick');
    expect(deployed).toMatchObject({ code: 0, out: expect.stringContaining('tick@me created') as string });
    expect(await portoser('deploy')).toMatchObject({ code: 0 });
    const status = await portoser('status --json');
    expect(status.code).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({
      placements: [{ key: 'tick@me', sync: 'synced', health: 'healthy', survivesReboot: false }],
    });
    expect(await portoser('observe tick')).toMatchObject({ code: 0, out: expect.stringContaining('tock') as string });

    expect(await ended(start(['exec', 'tick', '--', 'sh', '-c', 'pwd; exit 7']))).toMatchObject({
      code: 7,
      out: `${top}/tick\n`,
    });
    expect(await portoser('logs tick -n 2')).toMatchObject({ code: 0, out: 'tock\ntock\n' });
    await breakALock();
    const follower = start(['logs', '-f', 'tick']);
    await until(follower, 'tock');
    follower.kill('SIGINT');
    expect((await once(follower, 'close'))[0]).toBe(130);

    expect(await portoser('service remove tick')).toMatchObject({ code: 0 });
    const once1 = await portoser('run --once --json');
    expect(once1.code).toBe(0);
    expect(JSON.parse(once1.out)).toMatchObject({ outcomes: [{ key: 'tick@me', result: 'applied', kind: 'stop' }] });
  }, 120_000);
});

describe('run', () => {
  it('holds the state folder, and stops cleanly', async () => {
    const controller = start(['run']);
    await until(controller, 'is in force');
    expect(await portoser('run --once')).toMatchObject({
      code: 1,
      err: expect.stringContaining('[state-dir-busy]') as string,
    });
    const status = await portoser('status --json');
    expect(JSON.parse(status.out)).toMatchObject({ controller: { pid: controller.pid } });

    controller.kill('SIGTERM');
    expect((await once(controller, 'close'))[0]).toBe(0);
    expect(JSON.parse((await portoser('status --json')).out)).not.toHaveProperty('controller');
  }, 60_000);

  it('killed, it is told to be gone, and what it had begun is looked at by the next deploy', async () => {
    const controller = start(['run']);
    await until(controller, 'everything is as the registry says');
    controller.kill('SIGKILL');
    await once(controller, 'close');
    expect(JSON.parse((await portoser('status --json')).out)).not.toHaveProperty('controller');

    await commitRegistry(
      registry(` {tock: {type: local, machine: me, path: ${top}/tock, scope: none, command: sleep 99}}`),
    );
    const dies = spawn(process.execPath, [program, 'deploy'], {
      cwd: repo,
      env: { ...env(), PORTOSER_CRASH_AT: '12' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect((await ended(dies)).err).toContain('crash point 12: after the write');
    expect(dies.signalCode).toBe('SIGKILL');
    expect((await portoser('plan')).out).toContain('An earlier run was killed in the middle');

    const deployed = await portoser('deploy');
    expect(deployed).toMatchObject({ code: 0 });
    expect(deployed.err).toContain(
      'an earlier run was killed while it noted on me what became of tock@me; me shows it done',
    );
    expect((await portoser('plan')).out).not.toContain('An earlier run');
    expect(await portoser('service remove tock')).toMatchObject({ code: 0 });
    expect(await portoser('run --once')).toMatchObject({ code: 0 });
  }, 60_000);

  it('needs commits to follow', async () => {
    expect(await portoser('run', join(top, 'My New Home'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('[git-missing]') as string,
    });
  });
});
