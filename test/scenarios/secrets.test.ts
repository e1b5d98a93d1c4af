// A secret in every place where there may be one, and programs that print it: no log, answer, history, journal or audit tells it, in any form.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesBelow } from '../commands/batch-machine.js';
import { foundIn, leak } from './sentinels.js';
import { stopServices } from './stop-services.js';
import { until } from './until.js';

const main = fileURLToPath(new URL('../../api/cli/main.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url));
const cluster = `secrets-${process.pid}`;

const secrets = {
  env: `E5"nv's $ent/nel+one`,
  file: 'F1le-Sentinel-two',
  database: 'DbSentinelThree3',
  git: 'GitSentinelFour44',
  passphrase: 'pass Sentinel & five',
  input: 'InputSentinelSix6',
} as const;

let top = '';
let repo = '';
const started: ChildProcess[] = [];
/** All that was told to anybody. */
const told: string[] = [];

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  PORTOSER_STATE_DIR: join(top, 'state'),
  XDG_STATE_HOME: top,
  DATABASE_URL: `postgres://me:${secrets.database}@127.0.0.1:1/nobody`,
  PORTOSER_GIT_TOKEN: secrets.git,
  PORTOSER_SSH_PASSPHRASE: secrets.passphrase,
  PORTOSER_LOG: 'debug',
  PORTOSER_LOG_FORMAT: 'json',
});

function start(words: readonly string[]) {
  const all = ['--import', tsx, main, ...words];
  const child = spawn(process.execPath, all, { cwd: repo, env: env(), stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
  return { child, texts };
}

async function portoser(...words: readonly string[]) {
  const { child, texts } = start(words);
  const [code] = (await once(child, 'close')) as [number | null];
  told.push(texts.out, texts.err);
  return { code, ...texts };
}

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-secrets-')));
  repo = join(top, 'repo');
  await mkdir(join(repo, 'files'), { recursive: true });
  const git = (...words: string[]) => promisify(execFile)('git', ['-C', repo, ...words]);
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.org');
  await writeFile(join(repo, 'files/leak.mjs'), leak);
  await writeFile(join(repo, 'files/own.env'), `FILE_TOKEN=${secrets.file}\n`);
  const registry = {
    cluster,
    machines: { me: { host: 'local', user: 'root', platform: 'linux' } },
    services: {
      leaky: {
        type: 'local',
        machine: 'me',
        path: join(top, 'leaky'),
        source: 'files',
        scope: 'none',
        command: [process.execPath, 'leak.mjs'],
        env: { DB_PASSWORD: secrets.env },
        env_file: 'own.env',
        health: { deadline: '3s', interval: '1s' },
      },
    },
    policy: { interval: '1h' },
  };
  await writeFile(join(repo, 'registry.yml'), JSON.stringify(registry));
  await git('add', '-A');
  await git('commit', '-q', '-m', 'first');
});

afterAll(async () => {
  await stopServices(repo, cluster, line => portoser(...line.split(' ')));
  for (const child of started) child.kill('SIGKILL');
  await rm(top, { recursive: true, force: true });
});

it.skipIf(process.getuid?.() !== 0)(
  'no secret is told, in any form',
  async () => {
    const { child, texts } = start(['run', '--listen', '127.0.0.1:0', '--auth', 'none']);
    const all = () => `${texts.out}\n${texts.err}`;
    await until('it listens', () => texts.out.includes('listens on http://'), all);
    const url = /listens on (http:\S+)/.exec(texts.out)?.[1] ?? '';
    await until('it has deployed, and told how it failed', () => /leaky@me: (failed|unhealthy)/.test(all()), all);
    const log = filesBelow(join(top, 'leaky')).filter(path => path.endsWith('log'));
    await until(
      'the program has printed it',
      async () => {
        const printed = await Promise.all(log.map(path => readFile(path, 'utf8')));
        return printed.join('').includes(secrets.env) && printed.join('').includes(secrets.file);
      },
      all,
    );

    const ask = async (path: string, body?: object) => {
      const more = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const response = await fetch(`${url}${path}`, { ...more, headers: { 'content-type': 'application/json' } });
      told.push(await response.text(), JSON.stringify([...response.headers]));
      return response.status;
    };
    const program = [process.execPath, 'leak.mjs', secrets.env];
    expect(await ask('/api/status')).toBe(200);
    expect(await ask('/api/plan')).toBe(200);
    expect(await ask('/api/logs/leaky')).toBe(200);
    expect(await ask('/api/services/leaky/observe')).toBe(200);
    expect(await ask('/api/services/leaky/why')).toBe(200);
    expect(await ask('/api/services/leaky')).toBe(200);
    expect(await ask('/api/registry/format')).toBe(200);
    expect(await ask('/api/config')).toBe(200);
    expect(await ask('/api/events')).toBe(503);
    expect(await ask('/api/exec', { target: 'leaky', command: program })).toBe(200);
    expect(told.at(-2)).toContain('*** was told');
    const added = {
      name: 'other',
      type: 'local',
      machine: ['me'],
      path: `/x/${secrets.env}`,
      env: [`API_KEY=${secrets.input}`],
    };
    expect(await ask('/api/services', added)).toBeGreaterThan(0);
    expect(await ask(`/api/deployments/${encodeURIComponent(secrets.env)}`)).toBe(503);
    expect(await ask('/api/audit')).toBe(200);
    expect(told.at(-2)).toContain('API_KEY=***');

    expect((await portoser('exec', 'leaky', '--', ...program)).out).toContain('*** was told');
    expect((await portoser('exec', 'leaky', '--json', '--', ...program)).code).toBe(3);
    expect((await portoser('logs', 'leaky')).out).toContain('***');
    for (const words of [
      'status --json',
      'plan',
      'why leaky',
      'observe leaky --json',
      'audit list',
      'audit list --json',
      'config show',
    ])
      await portoser(...words.split(' '));
    expect((await portoser('history', 'show', secrets.env)).code).toBe(1);
    expect((await portoser('audit', 'verify')).code).toBe(0);

    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
    told.push(texts.out, texts.err);
    // What the controller keeps; its clone and the machine's own folder hold what people wrote.
    const kept = filesBelow(join(top, 'state')).filter(path => !/\/(git|clusters)\//.test(path));
    expect(kept.some(path => path.includes('/history/'))).toBe(true);
    expect(kept.some(path => path.includes('/audit/'))).toBe(true);
    for (const path of kept) told.push(`${path}\n${await readFile(path, 'utf8')}`);
    expect(foundIn(told, secrets)).toEqual([]);
  },
  300_000,
);
