// Repositories over ssh, against a real OpenSSH: the contract, host keys, credentials, a server that goes away.
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openGitRepo, type GitSettings } from '../../reconciler/adapters/git.js';
import type { GitRepo } from '../../reconciler/ports.js';
import { git, makeRepo, pushFiles, recordingLog, scratch } from '../contracts/git-fixture.js';
import { gitRepoContract } from '../contracts/git-repo.js';
import { startSshd, type Sshd } from './sshd.js';

let server: Sshd;
let knownHosts: string;

async function writeKnownHosts(key: string): Promise<void> {
  await fs.writeFile(knownHosts, `[127.0.0.1]:${server.port} ${key}\n`);
}

beforeAll(async () => {
  server = await startSshd({ hostKeys: ['ed25519', 'rsa'] });
  knownHosts = join(server.dir, 'known_hosts');
  await writeKnownHosts(server.hostKey());
});
afterAll(() => server.remove());

function settings(bare: string): Pick<GitSettings, 'address' | 'credentials'> {
  const address = `ssh://${server.user}@127.0.0.1:${server.port}${bare}`;
  return { address, credentials: { sshKeyPath: server.keyFile, knownHostsFiles: [knownHosts] } };
}

gitRepoContract({ name: 'ssh', settings, runsHooks: true });

interface Bench {
  readonly repo: GitRepo;
  readonly bare: string;
  readonly clone: string;
  readonly warnings: readonly string[];
  readonly open: (more?: Partial<GitSettings>) => Promise<GitRepo>;
}

async function bench(): Promise<Bench> {
  const parent = await scratch();
  const { bare, clone } = await makeRepo(parent);
  const log = recordingLog();
  async function open(more: Partial<GitSettings> = {}): Promise<GitRepo> {
    const repo = await openGitRepo({ ...settings(bare), stateDir: join(parent, 'state'), log, ...more });
    onTestFinished(() => repo.close());
    return repo;
  }
  return { repo: await open(), bare, clone, open, warnings: log.warnings };
}

describe('host keys', () => {
  test('an unknown one is refused, with its fingerprint and what to do', async () => {
    const { open, bare } = await bench();
    const credentials = { ...settings(bare).credentials, knownHostsFiles: [join(server.dir, 'none')] };
    await expect(open({ credentials })).rejects.toMatchObject({
      code: 'ssh-host-key-unknown',
      message: expect.stringContaining('SHA256:'),
      hint: expect.stringContaining(`ssh-keyscan -p ${server.port} 127.0.0.1`),
    });
  });

  test('a changed one is refused; a known one of another type is asked for', async () => {
    const { open } = await bench();
    onTestFinished(() => writeKnownHosts(server.hostKey()));
    await writeKnownHosts('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS');
    await expect(open()).rejects.toMatchObject({ code: 'ssh-host-key-changed' });
    await writeKnownHosts(server.hostKey('rsa'));
    expect((await open()).branch).toBe('trunk');
  });
});

describe('credentials', () => {
  test('a key that the server does not take, and none at all', async () => {
    const { open, bare } = await bench();
    const other = join(await scratch(), 'id');
    await fs.copyFile(join(server.dir, 'host_ed25519'), other);
    await fs.chmod(other, 0o600);
    const { credentials } = settings(bare);
    await expect(open({ credentials: { ...credentials, sshKeyPath: other } })).rejects.toMatchObject({
      code: 'git-auth',
    });
    await expect(open({ credentials: { ...credentials, sshKeyPath: `${other}-none` } })).rejects.toMatchObject({
      code: 'ssh-key-unusable',
      hint: expect.stringContaining('PORTOSER_GIT_SSH_KEY_FILE'),
    });
    await fs.chmod(other, 0o644);
    await expect(open({ credentials: { ...credentials, sshKeyPath: other } })).rejects.toMatchObject({
      code: 'ssh-key-unusable',
    });
  });

  test('the key as text, and another one for writing', async () => {
    const { open, bare, clone } = await bench();
    const knownHostsFiles = [knownHosts];
    const sshKey = await fs.readFile(server.keyFile, 'utf8');
    const credentials = {
      sshKey,
      knownHostsFiles,
      write: { sshKeyPath: join(server.dir, 'host_ed25519') },
    };
    const repo = await open({ credentials, stateDir: await scratch() });
    expect(await repo.fetch()).toBe(await git(clone, 'rev-parse', 'HEAD'));
    await expect(repo.commit(() => Promise.resolve(new Map([['a', 'a']])), 'x', {})).rejects.toMatchObject({
      code: 'git-auth',
    });
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(await git(clone, 'rev-parse', 'HEAD'));
  });
});

describe('a server that goes away', () => {
  test('is told as an outage, reads on from the clone, and is found again', async () => {
    const { repo, clone, open, warnings } = await bench();
    const head = await repo.fetch();
    await server.stop();
    onTestFinished(async () => {
      await server.stop().catch(() => undefined);
      await server.start();
    });
    await expect(repo.remoteHead()).rejects.toMatchObject({
      code: 'git-unreachable',
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
    await expect(repo.fetch()).rejects.toMatchObject({ code: 'git-unreachable', details: { reason: 'ECONNREFUSED' } });
    await expect(repo.commit(() => Promise.resolve(new Map([['a', 'a']])), 'x', {})).rejects.toMatchObject({
      code: 'git-unreachable',
    });
    expect(await (await repo.files(head)).read('registry.yml')).toEqual(Buffer.from('cluster: one\n'));
    // A controller that starts anew during the outage goes on from the clone, too.
    const restarted = await open();
    expect(restarted.branch).toBe('trunk');
    expect(await (await restarted.files(head)).read('registry.yml')).toEqual(Buffer.from('cluster: one\n'));
    expect(await restarted.rootCommit(head)).toBe(head);
    expect(warnings).toEqual(['the repository is away; its branch is taken as it was']);
    await server.start();
    const next = await pushFiles(clone, { 'registry.yml': 'cluster: back\n' });
    expect(await repo.fetch()).toBe(next);
    expect(await restarted.fetch()).toBe(next);
  });

  test('and comes back between two polls without anybody noticing', async () => {
    const { repo } = await bench();
    const head = await repo.remoteHead();
    await server.stop();
    await server.start();
    expect(await repo.remoteHead()).toBe(head);
  });
});

test('polls do not pile up sessions on the server', async () => {
  // A log of its own: what an earlier connection left open when it ended is not counted.
  await server.stop();
  await server.start();
  const { repo } = await bench();
  const logins = server.log().split('Accepted publickey').length;
  for (let round = 0; round < 15; round += 1) await repo.remoteHead();
  expect(server.log().split('Accepted publickey').length - logins).toBe(0);
  const begun = (): number => server.log().split('Starting session').length;
  const ended = (): number => server.log().split('Close session').length;
  await vi.waitFor(() => expect(ended()).toBe(begun()), { timeout: 5_000 });
});
