// Webhooks at a controller that runs, its repository behind a server: 500 of one push, hostile ones, and what they cost.
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitHttpServer, startGitHttp } from '../contracts/git-http-server.js';
import { stopServices } from './stop-services.js';
import { type Typed, typist } from './typist.js';
import { until } from './until.js';

const cluster = `hooks-${process.pid}`;
const secret = '2f9c0e417b6ad5837e10c4f2';

let top = '';
let clone = '';
let remote: GitHttpServer;
let url = '';
let address: { readonly host: string; readonly port: number };
let controller: Typed;

const env = () => ({
  PATH: process.env.PATH,
  HOME: top,
  USER: 'ada',
  PORTOSER_STATE_DIR: join(top, 'state'),
  PORTOSER_REPO: `${remote.url}/ada/fleet.git`,
  XDG_STATE_HOME: top,
  DATABASE_URL: 'postgres://127.0.0.1:1/nobody',
  PORTOSER_WEBHOOK_SECRET: secret,
});

const { start, portoser } = typist(() => ({ cwd: top, env: env() }));

const git = (...words: string[]) => promisify(execFile)('git', words, { env: { ...process.env, HOME: top } });

/** Pushes a registry whose service waits for so long; answers the commit. */
async function push(seconds: number): Promise<string> {
  const registry = `cluster: ${cluster}
machines:
  me: {host: local, user: root, platform: linux}
services:
  tick: {type: local, machine: me, path: ${join(top, 'tick')}, scope: none, command: sleep ${seconds}}
policy: {interval: 1h}
`;
  await writeFile(join(clone, 'registry.yml'), registry);
  await git('-C', clone, 'add', '-A');
  await git('-C', clone, 'commit', '-q', '-m', `${seconds}`);
  await git('-C', clone, 'push', '-q', 'origin', 'main');
  return (await git('-C', clone, 'rev-parse', 'HEAD')).stdout.trim();
}

/** A push as GitHub tells it; the commit ids are nobody's. `size`: bytes of the body, about. */
function payload(size = 20_000): string {
  const repository = { full_name: 'ada/fleet', clone_url: `${remote.url}/ada/fleet.git` };
  const commit = { id: 'f'.repeat(40), message: 'x'.repeat(400), modified: ['registry.yml'] };
  const commits = Array.from({ length: Math.max(1, Math.round(size / 500)) }, () => commit);
  return JSON.stringify({ ref: 'refs/heads/main', before: 'e'.repeat(40), after: 'f'.repeat(40), repository, commits });
}

const signature = (body: string | Buffer): string =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

interface Sent {
  readonly status: number;
  readonly json: { readonly verdict?: string; readonly code?: string };
}

/** Each address may send so many a minute: this machine has several. */
let localAddress = '127.0.0.2';
const agent = new Agent({ keepAlive: true, maxSockets: 25 });

function send(body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Sent> {
  const signed = {
    'content-type': 'application/json',
    'x-github-event': 'push',
    'x-hub-signature-256': signature(body),
  };
  return new Promise((resolve, reject) => {
    const options = { ...address, path: '/hooks/git', method: 'POST', agent, localAddress };
    const asked = request({ ...options, headers: { ...signed, ...headers } }, response => {
      let text = '';
      response.on('data', chunk => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as Sent['json'] }));
    });
    asked.on('error', reject).end(body);
  });
}

/** All of them, as many at a time as there are connections. */
const sendMany = (count: number, body: string | Buffer): Promise<readonly Sent[]> =>
  Promise.all(Array.from({ length: count }, () => send(body)));

/** Bytes on a connection of its own; resolves with what came back until it was closed. */
async function raw(...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(address);
  let answer = '';
  socket.on('data', chunk => (answer += String(chunk)));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answer;
}

const head = (length: number | string, more = ''): string =>
  `POST /hooks/git HTTP/1.1\r\nHost: x\r\nX-GitHub-Event: push\r\nContent-Length: ${length}\r\n${more}\r\n`;

const headOf = (body: Buffer): string => head(body.length, `X-Hub-Signature-256: ${signature(body)}\r\n`);

/** Half of a body, and then nothing: the connection is gone. */
async function cutShort(body: Buffer): Promise<void> {
  const socket = connect(address);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.write(headOf(body));
  socket.write(body.subarray(0, body.length / 2), () => socket.destroy());
  await closed;
}

const mebibyte = 1024 * 1024;
/** As long as may be, and all of it one text. */
const megabyte = Buffer.from(`{"ref":"refs/heads/main","a":"${'x'.repeat(mebibyte - 32)}"}`);

/** What somebody who has the secret can send, with the answer. */
const hostile = (): readonly (readonly [string, Buffer, number])[] => [
  ['bodies of 1 MiB', megabyte, 202],
  ['long lists', Buffer.from(`{"ref":"refs/heads/main","commits":[{}${',{"a":"b"}'.repeat(100_000)}]}`), 202],
  ['lists in lists', Buffer.from('['.repeat(mebibyte)), 400],
  ['many levels', Buffer.from('{"a":'.repeat(200_000)), 400],
  ['very many parts', Buffer.from(`{${'"a":0,'.repeat(170_000)}"b":0}`), 400],
  [
    'parts just below what is refused',
    Buffer.from(`{"ref":"refs/heads/main",${'"a":{},'.repeat(9_900)}"b":"${'y'.repeat(900_000)}"}`),
    202,
  ],
];

/** Kilobytes that the controller has, or had at most since the last call of `forget`. */
async function memory(name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const text = await readFile(`/proc/${controller.child.pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)?.[1]);
}
const forget = (): Promise<void> => writeFile(`/proc/${controller.child.pid}/clear_refs`, '5');

/** Requests that brought objects: of a listing of refs the address is another one. */
const fetches = (since: number): readonly string[] =>
  remote.seen.slice(since).filter(one => /^POST \S+\/git-upload-pack$/.test(one));

/** Kilobytes. */
const mostMemory = 20 * 1024;
/** When the first webhook of many came. */
let memoryAtFirst = 0;

/** How much more there was at any time of that work than at its beginning; what stays is looked at when all is over. */
async function costs(what: string, work: () => Promise<void>): Promise<void> {
  await forget();
  const before = await memory('VmRSS');
  await work();
  const more = (await memory('VmHWM')) - before;
  console.log(`memory: ${(before / 1024).toFixed(0)} MB, at most ${(more / 1024).toFixed(1)} MB more for ${what}`);
  expect(more).toBeLessThan(mostMemory);
}

/** What waits for the database. */
async function history(): Promise<string> {
  const folder = join(top, 'state/history');
  const names = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter(one => one.isFile());
  return (await Promise.all(names.map(one => readFile(join(folder, one.name), 'utf8').catch(() => '')))).join('');
}

const tell = () => `${controller.texts.out}\n${controller.texts.err}`;
const deployed = (commit: string) =>
  until(`${commit} is deployed`, async () => (await history()).includes(`"commit":"${commit}"`), tell);

beforeAll(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-hooks-')));
  const bare = join(top, 'git/ada/fleet.git');
  clone = join(top, 'clone');
  await mkdir(bare, { recursive: true });
  await git('init', '-q', '--bare', '-b', 'main', bare);
  await git('clone', '-q', bare, clone);
  await git('-C', clone, 'checkout', '-q', '-b', 'main');
  await git('-C', clone, 'config', 'user.name', 'Ada');
  await git('-C', clone, 'config', 'user.email', 'ada@example.org');
  remote = await startGitHttp(join(top, 'git'));
  const first = await push(900);
  controller = start('run --listen 127.0.0.1:0');
  await until('it listens', () => controller.texts.out.includes('listens on http://'), tell);
  url = /listens on (http:\S+)/.exec(controller.texts.out)?.[1] ?? '';
  address = { host: '127.0.0.1', port: Number(new URL(url).port) };
  await until('it is ready', async () => (await fetch(`${url}/readyz`)).ok, tell);
  await deployed(first);
});

afterAll(async () => {
  const closed = once(controller.child, 'close');
  controller.child.kill('SIGTERM');
  await closed;
  agent.destroy();
  await stopServices(clone, cluster, async line => {
    await git('-C', clone, 'push', '-q', 'origin', 'main');
    return await portoser(line);
  });
  await remote.stop();
  await rm(top, { recursive: true, force: true });
});

describe('500 webhooks of one push', () => {
  it('are one fetch and one pass, of the commit that the branch names', async () => {
    const commit = await push(901);
    const before = remote.seen.length;
    const sent = await sendMany(500, payload());
    expect(sent.every(one => one.status === 202)).toBe(true);
    await deployed(commit);
    const asked = remote.seen.slice(before);
    console.log(`500 webhooks: ${fetches(before).length} fetches of ${asked.length} requests to the git server`);
    expect(fetches(before).length, asked.join('\n')).toBeGreaterThan(0);
    expect(fetches(before).length, asked.join('\n')).toBeLessThanOrEqual(2);
    const runs = (await history()).split('\n').filter(line => line.includes(`"commit":"${commit}"`));
    expect(runs).toHaveLength(1);
    expect(runs[0]).toContain('"trigger":"webhook"');
    expect(`${await history()}${tell()}`).not.toMatch(/f{40}|e{40}/);
    expect(sent.filter(one => one.json.verdict === 'woken').length).toBeLessThanOrEqual(3);
  }, 180_000);

  it('and many that are refused take little memory', async () => {
    localAddress = '127.0.0.3';
    await sendMany(20, payload());
    memoryAtFirst = await memory('VmRSS');
    localAddress = '127.0.0.4';
    await costs('500 of 20 KB', async () => void (await sendMany(500, payload())));
    localAddress = '127.0.0.5';
    await costs('refused ones', async () => {
      for (let call = 0; call < 50; call += 1) {
        expect((await send(payload(), { 'x-hub-signature-256': 'sha256=' })).status).toBe(403);
        expect(await raw(head(50_000_000))).toContain('HTTP/1.1 413');
      }
    });
  }, 180_000);
});

describe('what is hostile', () => {
  it.each(hostile().map((one, index) => [one[0], index, one] as const))(
    '%s, again and again and rightly signed, are taken or refused',
    async (what, index, [, body, status]) => {
      localAddress = `127.0.1.${index + 1}`;
      await costs(what, async () => {
        const sent = await sendMany(50, body);
        expect(new Set(sent.map(one => one.status))).toEqual(new Set([status]));
      });
    },
    180_000,
  );

  it('is refused, and the next one is heard', async () => {
    localAddress = '127.0.0.7';
    const body = payload();
    const bomb = gzipSync(Buffer.alloc(1 << 28));
    const packed = `Content-Encoding: gzip\r\nX-Hub-Signature-256: ${signature(bomb)}\r\n`;
    await costs('gzip bombs', async () => {
      for (let call = 0; call < 20; call += 1)
        expect(await raw(head(bomb.length, packed), bomb)).toContain('HTTP/1.1 415');
    });
    expect(await raw(head(50_000_000))).toContain('HTTP/1.1 413');
    const chunks = Array.from({ length: 20 }, () => `10000\r\n${'x'.repeat(0x10000)}\r\n`);
    const chunked = head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    expect(await raw(chunked, ...chunks)).toMatch(/^$|HTTP\/1.1 413/);
    expect(await raw(head('1e3'))).toContain('HTTP/1.1 400');
    expect((await send(body, { 'x-hub-signature-256': signature('x') })).status).toBe(403);
    expect((await send(body.replace('heads/main', 'heads/topic'))).json.verdict).toBe('ignored');
    expect((await send(body.replaceAll('fleet', 'other'))).json.verdict).toBe('ignored');
    expect((await send(body)).status).toBe(202);
  }, 120_000);

  it('as slow as can be, or cut short, holds up nobody', async () => {
    localAddress = '127.0.0.8';
    await costs('truncated ones', async () => {
      for (let round = 0; round < 8; round += 1)
        await Promise.all(Array.from({ length: 25 }, () => cutShort(megabyte)));
    });
    await costs('slow ones', async () => {
      const ends: string[] = [];
      const slow = Array.from({ length: 12 }, async () => {
        ends.push(await raw(headOf(megabyte), megabyte.subarray(0, 500_000)));
      });
      expect((await send(payload())).status).toBe(202);
      expect(ends.length, 'a push is heard before all of those have ended').toBeLessThan(12);
      await Promise.all(slow);
      expect(ends.filter(one => /HTTP\/1.1 (408|429)/.test(one))).toHaveLength(12);
      expect((await send(payload())).status).toBe(202);
    });
  }, 120_000);

  it('leaves little behind, of some 250 MB that were sent', async () => {
    expect((await memory('VmRSS')) - memoryAtFirst).toBeLessThan(2 * mostMemory);
  });
});

describe('a secret that can be guessed', () => {
  it.each([
    ['', 'PORTOSER_WEBHOOK_SECRET is empty'],
    ['fifteen charact', 'PORTOSER_WEBHOOK_SECRET has 15 characters'],
    ['change-me-change-me', 'everybody tries'],
  ])('%j ends the start of the controller', async (given, why) => {
    const ended = await portoser('run --listen 127.0.0.1:0', { PORTOSER_WEBHOOK_SECRET: given });
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain(why);
    expect(ended.err).toContain('[webhook-secret]');
    expect(ended.err).toContain('openssl rand -hex 32');
  });
});
