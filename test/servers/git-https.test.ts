// Repositories over https, against nginx and git-http-backend: the contract, certificates, credentials, redirects, outages.
import * as fs from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openGitRepo, type GitSettings } from '../../reconciler/adapters/git.js';
import type { GitRepo } from '../../reconciler/ports.js';
import { git, makeRepo, pushFiles, recordingLog } from '../contracts/git-fixture.js';
import { gitRepoContract } from '../contracts/git-repo.js';
import { startHttpsGit, type HttpsGit } from './https-git.js';

let server: HttpsGit;
beforeAll(async () => {
  server = await startHttpsGit();
});
afterAll(() => server.remove());

async function folder(): Promise<string> {
  const made = await fs.mkdtemp(join(dirname(server.bare), 'r-'));
  onTestFinished(() => fs.rm(made, { recursive: true, force: true }));
  return made;
}

function settings(bare: string): Pick<GitSettings, 'address' | 'credentials'> {
  const address = `https://localhost:${server.port}/${relative(dirname(server.bare), bare)}`;
  return { address, credentials: { username: server.user, token: server.password, ca: server.caFile } };
}

gitRepoContract({ name: 'https', settings, folder, runsHooks: true });

interface Bench {
  readonly bare: string;
  readonly clone: string;
  readonly warnings: readonly string[];
  readonly open: (more?: Partial<GitSettings>) => Promise<GitRepo>;
}

async function bench(): Promise<Bench> {
  const parent = await folder();
  const { bare, clone } = await makeRepo(parent);
  const log = recordingLog();
  async function open(more: Partial<GitSettings> = {}): Promise<GitRepo> {
    const repo = await openGitRepo({ ...settings(bare), stateDir: join(parent, 'state'), log, ...more });
    onTestFinished(() => repo.close());
    return repo;
  }
  return { bare, clone, open, warnings: log.warnings };
}

describe('credentials', () => {
  test('wrong ones and none are told as such, and never shown', async () => {
    const { open, bare } = await bench();
    const { address, credentials } = settings(bare);
    await expect(open({ credentials: { ...credentials, token: 'wrong' } })).rejects.toMatchObject({
      code: 'git-auth',
      details: { status: 401 },
    });
    await expect(open({ credentials: { ca: server.caFile } })).rejects.toMatchObject({ code: 'git-auth' });
    const inAddress = address.replace('https://', 'https://ada:wrong%20secret@');
    const failed = open({ address: inAddress, credentials: { ca: server.caFile } });
    await expect(failed).rejects.toMatchObject({ code: 'git-auth', message: expect.not.stringContaining('secret') });
    const right = address.replace('https://', `https://ada:${encodeURIComponent(server.password)}@`);
    const repo = await open({ address: right, credentials: { ca: server.caFile } });
    expect(repo.address).toBe(address);
    expect(await repo.fetch()).toMatch(/^[0-9a-f]{40}$/);
    const kept = await fs.readdir(dirname(bare), { recursive: true, withFileTypes: true });
    for (const file of kept.filter(one => one.isFile() && one.name === 'config')) {
      expect(await fs.readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('ada');
    }
  });

  test('others for writing, and a password that was rotated', async () => {
    const { open, bare, clone } = await bench();
    const { credentials } = settings(bare);
    const repo = await open({ credentials: { ...credentials, write: { token: 'read only' } } });
    const head = await repo.fetch();
    await expect(repo.commit(() => Promise.resolve(new Map([['a', 'a']])), 'x', {})).rejects.toMatchObject({
      code: 'git-auth',
      hint: expect.stringContaining('PORTOSER_GIT_TOKEN_WRITE'),
    });
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(head);
    onTestFinished(() => server.changePassword(server.password));
    await server.changePassword('rotated');
    await expect(repo.remoteHead()).rejects.toMatchObject({ code: 'git-auth' });
    const after = await open({ credentials: { ...credentials, token: 'rotated' } });
    expect(await after.fetch()).toBe(await git(clone, 'rev-parse', 'HEAD'));
  });

  test('a certificate that nobody vouches for', async () => {
    const { open, bare } = await bench();
    const { credentials } = settings(bare);
    await expect(open({ credentials: { ...credentials, ca: undefined } })).rejects.toMatchObject({
      code: 'git-unreachable',
      hint: expect.stringContaining('PORTOSER_GIT_CA'),
    });
    await expect(open({ credentials: { ...credentials, ca: join(bare, 'none.pem') } })).rejects.toMatchObject({
      code: 'settings-invalid',
    });
  });
});

type Answer = (asked: IncomingMessage, answer: ServerResponse) => void;

async function loopback(answer: Answer): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const listening = createServer((asked, response) => {
    seen.push(asked);
    answer(asked, response);
  });
  await new Promise<void>(ready => listening.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, seen };
}

describe('redirects', () => {
  test('are followed, but the credentials stay with the host that they are for', async () => {
    const { open, bare } = await bench();
    const target = settings(bare).address;
    const { url, seen } = await loopback((asked, answer) => {
      const path = (asked.url ?? '').replace('/old', '');
      answer.writeHead(301, { location: target + path }).end();
    });
    const failed = open({ address: `${url}/old`, credentials: settings(bare).credentials });
    await expect(failed).rejects.toMatchObject({ code: 'git-auth' });
    expect(seen[0]?.headers.authorization).toMatch(/^Basic /);
  });

  test('to the same host keep them, and what follows is asked at the new place', async () => {
    const { open, bare, clone } = await bench();
    const head = await git(clone, 'rev-parse', 'HEAD');
    const seen: string[] = [];
    const { url } = await loopback((asked, answer) => {
      seen.push(`${asked.method} ${asked.url} ${String(asked.headers.authorization !== undefined)}`);
      if (asked.url?.startsWith('/old/') === true)
        return answer.writeHead(302, { location: asked.url.replace('/old/', '/new/') }).end();
      const refs = `${head} HEAD\0symref=HEAD:refs/heads/trunk`;
      const line = (text: string): string => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
      answer.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      answer.end(
        `${line('# service=git-upload-pack\n')}0000${line(`${refs}\n`)}${line(`${head} refs/heads/trunk\n`)}0000`,
      );
      return undefined;
    });
    const repo = await open({ address: `${url}/old/r.git`, credentials: settings(bare).credentials });
    expect(await repo.remoteHead()).toBe(head);
    await expect(repo.fetch()).rejects.toMatchObject({ code: 'git-unreachable' });
    expect(seen).toContain('GET /new/r.git/info/refs?service=git-upload-pack true');
    expect(seen).toContain('POST /new/r.git/git-upload-pack true');
  });

  test('to plain http, or in circles, are not', async () => {
    const { open } = await bench();
    const circle = await loopback((asked, answer) => answer.writeHead(302, { location: asked.url ?? '/' }).end());
    await expect(open({ address: circle.url })).rejects.toMatchObject({
      code: 'git-unreachable',
      message: expect.stringContaining('more than 5'),
    });
  });
});

describe('servers that misbehave', () => {
  test.each([
    [
      'a page of HTML',
      'git-missing',
      (answer: ServerResponse) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['500', 'git-unreachable', (answer: ServerResponse) => answer.writeHead(500).end('oops')],
    ['404', 'git-missing', (answer: ServerResponse) => answer.writeHead(404).end()],
    ['403', 'git-auth', (answer: ServerResponse) => answer.writeHead(403).end()],
    [
      'a list that is cut short',
      'git-unreachable',
      (answer: ServerResponse) =>
        answer
          .writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' })
          .end('001e# service=git-upload-pack\n0000'),
    ],
    ['a closed connection', 'git-unreachable', (answer: ServerResponse) => answer.destroy()],
  ] as const)('%s', async (_, code, answer) => {
    const { open } = await bench();
    const { url } = await loopback((_asked, response) => void answer(response));
    await expect(open({ address: `${url}/r.git`, branch: 'trunk' }).then(repo => repo.fetch())).rejects.toMatchObject({
      code,
    });
  });

  test('a name that does not resolve', async () => {
    const { open } = await bench();
    await expect(open({ address: 'https://nothing.invalid/r.git' })).rejects.toMatchObject({
      code: 'git-unreachable',
      message: expect.stringContaining('nothing.invalid'),
    });
  });
});

test('a server that goes away is an outage, and is found again', async () => {
  const { open, clone, warnings } = await bench();
  const repo = await open();
  const head = await repo.fetch();
  await server.stop();
  let stopped = true;
  onTestFinished(async () => {
    if (stopped) await server.start();
  });
  await expect(repo.fetch()).rejects.toMatchObject({ code: 'git-unreachable', details: { reason: 'ECONNREFUSED' } });
  const restarted = await open();
  expect(await (await restarted.files(head)).read('registry.yml')).toEqual(Buffer.from('cluster: one\n'));
  expect(warnings).toEqual(['the repository is away; its branch is taken as it was']);
  await server.start();
  stopped = false;
  const next = await pushFiles(clone, { 'registry.yml': 'cluster: back\n' });
  expect(await repo.fetch()).toBe(next);
  expect(await restarted.fetch()).toBe(next);
});
