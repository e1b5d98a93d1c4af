// Remote repositories: the contract over plain http, clones that break, many packs, outages, answers that get lost.
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openGitRepo, type GitSettings } from '../../reconciler/adapters/git.js';
import type { GitRepo } from '../../reconciler/ports.js';
import { git, makeRepo, pushFiles, recordingLog } from '../contracts/git-fixture.js';
import { startGitHttp, type GitHttpServer } from '../contracts/git-http-server.js';
import { gitRepoContract } from '../contracts/git-repo.js';

let root: string;
let server: GitHttpServer;
beforeAll(async () => {
  root = await fs.mkdtemp(join(tmpdir(), 'portoser-git-http-'));
  server = await startGitHttp(root);
});
afterAll(async () => {
  await server.stop();
  await fs.rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  server.intercept = () => false;
  server.seen.length = 0;
});

async function folder(): Promise<string> {
  const made = await fs.mkdtemp(join(root, 'r-'));
  onTestFinished(() => fs.rm(made, { recursive: true, force: true }));
  return made;
}

const settings = (bare: string): Pick<GitSettings, 'address' | 'credentials'> => ({
  address: `${server.url}/${relative(root, bare)}`,
  credentials: {},
});

gitRepoContract({ name: 'http', settings, folder, runsHooks: true });

interface Bench {
  readonly bare: string;
  readonly clone: string;
  readonly stateDir: string;
  readonly warnings: string[];
  readonly open: (more?: Partial<GitSettings>) => Promise<GitRepo>;
  /** The folders of our clones. */
  readonly clones: () => Promise<readonly string[]>;
}

async function bench(): Promise<Bench> {
  const parent = await folder();
  const { bare, clone } = await makeRepo(parent);
  const log = recordingLog();
  const stateDir = join(parent, 'state');
  async function open(more: Partial<GitSettings> = {}): Promise<GitRepo> {
    const repo = await openGitRepo({ ...settings(bare), stateDir, log, ...more });
    onTestFinished(() => repo.close());
    return repo;
  }
  async function clones(): Promise<readonly string[]> {
    const found = await fs.readdir(stateDir, { recursive: true, withFileTypes: true });
    return found.filter(one => one.name.startsWith('clone-')).map(one => join(one.parentPath, one.name));
  }
  return { bare, clone, stateDir, warnings: log.warnings, open, clones };
}

async function packsOf(gitDir: string, ext: string): Promise<readonly string[]> {
  const pack = join(gitDir, 'objects/pack');
  return (await fs.readdir(pack)).filter(name => name.endsWith(ext)).map(name => join(pack, name));
}

const registry = async (repo: GitRepo, commit: string): Promise<string> =>
  Buffer.from((await (await repo.files(commit)).read('registry.yml')) ?? []).toString();

describe('a broken clone is made anew', () => {
  const damages: readonly (readonly [string, (gitDir: string) => Promise<void>])[] = [
    [
      'a pack cut short',
      async gitDir => {
        for (const pack of await packsOf(gitDir, '.pack')) await fs.truncate(pack, 40);
      },
    ],
    [
      'a flipped byte in a pack',
      async gitDir => {
        for (const pack of await packsOf(gitDir, '.pack')) {
          const bytes = await fs.readFile(pack);
          bytes.writeUInt8(bytes.readUInt8(60) ^ 0xff, 60);
          await fs.writeFile(pack, bytes);
        }
      },
    ],
    [
      'a pack that is gone',
      async gitDir => {
        for (const pack of await packsOf(gitDir, '.pack')) await fs.rm(pack);
      },
    ],
    [
      'pack and index gone',
      async gitDir => {
        for (const pack of [...(await packsOf(gitDir, '.pack')), ...(await packsOf(gitDir, '.idx'))]) await fs.rm(pack);
      },
    ],
    [
      'an empty index',
      async gitDir => {
        for (const index of await packsOf(gitDir, '.idx')) await fs.truncate(index, 0);
      },
    ],
    ['an empty ref', gitDir => fs.truncate(join(gitDir, 'refs/heads/trunk'), 0)],
    ['no folder any more', gitDir => fs.rm(gitDir, { recursive: true })],
  ];

  test.each(damages)('%s, found by a fetch', async (_, damage) => {
    const { open, clone, clones } = await bench();
    const head = await (await open()).fetch();
    const [before = ''] = await clones();
    await damage(before);
    const repo = await open();
    expect(await repo.fetch()).toBe(head);
    expect(await registry(repo, head)).toBe('cluster: one\n');
    const next = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
    expect(await repo.fetch()).toBe(next);
    expect(await clones()).toHaveLength(1);
    expect(await git((await clones())[0] ?? '', 'fsck', '--strict', '--no-dangling', '--connectivity-only')).toBe('');
  });

  test.each(damages.filter(([name]) => !name.includes('ref')))('%s, found by reading', async (_, damage) => {
    const { open, clones } = await bench();
    const head = await (await open()).fetch();
    await damage((await clones())[0] ?? '');
    const repo = await open();
    expect(await registry(repo, head)).toBe('cluster: one\n');
    expect(await repo.isAncestor(head, head)).toBe(true);
    expect(await clones()).toHaveLength(1);
  });

  test('also while it is open, and files that were opened before read on', async () => {
    const { open, clone, clones, warnings } = await bench();
    const repo = await open();
    const first = await repo.fetch();
    const files = await repo.files(first);
    await fs.rm((await clones())[0] ?? '', { recursive: true });
    expect(Buffer.from((await files.read('apps/web/run.sh')) ?? []).toString()).toBe('#!/bin/sh\n');
    expect(warnings).toEqual(['the clone is broken; it is made anew']);
    const next = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
    expect(await repo.fetch()).toBe(next);
  });

  test('while the remote is away too, the broken one is kept and mended later', async () => {
    const { open, clones } = await bench();
    const head = await (await open()).fetch();
    for (const pack of await packsOf((await clones())[0] ?? '', '.pack')) await fs.truncate(pack, 40);
    const repo = await open({ branch: 'trunk' });
    await server.stop();
    try {
      await expect(repo.fetch()).rejects.toMatchObject({ code: 'git-unreachable' });
      await expect(registry(repo, head)).rejects.toMatchObject({ code: 'git-unreachable' });
    } finally {
      await server.start();
    }
    expect(await registry(repo, head)).toBe('cluster: one\n');
    expect(await clones()).toHaveLength(1);
  });
});

test('more than 50 packs become one again, while the old clone reads on', async () => {
  const { open, clone, clones, warnings } = await bench();
  const repo = await open();
  const first = await repo.fetch();
  const [before = ''] = await clones();
  let head = first;
  for (let round = 0; round < 50; round += 1) {
    head = await pushFiles(clone, { 'registry.yml': `cluster: n${round}\n` });
    expect(await repo.fetch()).toBe(head);
  }
  const after = await clones();
  expect(after).toHaveLength(1);
  expect(after).not.toEqual([before]);
  expect(await packsOf(after[0] ?? '', '.pack')).toHaveLength(1);
  expect(await registry(repo, head)).toBe('cluster: n49\n');
  expect(await repo.isAncestor(first, head)).toBe(true);
  expect(warnings).toEqual([]);
});

test('nothing new costs one request and writes nothing', async () => {
  const { open, stateDir } = await bench();
  const repo = await open();
  const head = await repo.fetch();
  await registry(repo, head);
  const before = await fs.readdir(stateDir, { recursive: true });
  server.seen.length = 0;
  expect(await repo.fetch()).toBe(head);
  expect(server.seen).toHaveLength(1);
  expect(await fs.readdir(stateDir, { recursive: true })).toEqual(before);
});

test('a branch may be named that is not the default, and two share the clone', async () => {
  const { open, clone, clones } = await bench();
  await git(clone, 'checkout', '--quiet', '-b', 'feature/x');
  const side = await pushFiles(clone, { 'registry.yml': 'cluster: side\n' });
  const [trunk, other] = [await open(), await open({ branch: 'feature/x' })];
  expect(await other.fetch()).toBe(side);
  expect(await trunk.fetch()).toBe(await git(clone, 'rev-parse', 'trunk'));
  expect(await registry(other, side)).toBe('cluster: side\n');
  expect(await clones()).toHaveLength(1);
});

describe('pushing', () => {
  const edit = () => Promise.resolve(new Map([['registry.yml', 'cluster: edited\n']]));

  test('whose answer was lost is not made twice', async () => {
    const { open, bare } = await bench();
    const repo = await open();
    let cut = 0;
    server.intercept = (asked, answer) => {
      if (!(asked.url ?? '').endsWith('/git-receive-pack') || asked.method !== 'POST') return false;
      cut += 1;
      // The server does its work, the answer never arrives.
      const destroy = answer.destroy.bind(answer);
      answer.write = () => true;
      answer.writeHead = () => answer;
      answer.end = () => destroy();
      Object.defineProperty(answer, 'headersSent', { value: true });
      return false;
    };
    const commit = await repo.commit(edit, 'edit', {});
    expect(cut).toBe(1);
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
    expect(await git(bare, 'rev-list', '--count', 'trunk')).toBe('2');
  });

  test('is given up after several lost races', async () => {
    const { open, clone } = await bench();
    const repo = await open();
    let round = 0;
    const failed = repo.commit(
      async () => {
        round += 1;
        await pushFiles(clone, { 'person.txt': `n${round}` });
        return await edit();
      },
      'edit',
      {},
    );
    await expect(failed).rejects.toMatchObject({ code: 'git-race' });
    expect(round).toBe(6);
  });

  test('a race that only the server sees is lost like any other', async () => {
    const { open, clone, bare } = await bench();
    const repo = await open();
    const first = await repo.fetch();
    // Between our last look and the swap somebody pushes: a hook does it in our name.
    await fs.writeFile(
      join(bare, 'hooks/pre-receive'),
      `#!/bin/sh\n[ -e raced ] && exit 0\ntouch raced\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\nnew=$(git commit-tree -p ${first} -m person ${first}^{tree}) && git update-ref refs/heads/trunk $new\n`,
      { mode: 0o755 },
    );
    const commit = await repo.commit(edit, 'edit', {});
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
    expect(await git(bare, 'log', '--format=%s', 'trunk')).toBe('edit\nperson\nfirst');
    expect(await git(clone, 'rev-parse', 'HEAD')).toBe(first);
  });
});

describe('answers that are not whole', () => {
  test('a pack that is cut short leaves nothing behind', async () => {
    const { open, clone, clones } = await bench();
    const repo = await open();
    const head = await repo.fetch();
    const next = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
    server.intercept = (asked, answer) => {
      if (asked.method !== 'POST') return false;
      answer.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
      answer.end('0008NAK\n0023\u0002Enumerating objects: 5, done.\n0014\u0001PACK\0\0\0\u0002\0\0');
      return true;
    };
    await expect(repo.fetch()).rejects.toMatchObject({ code: 'git-unreachable' });
    expect(await packsOf((await clones())[0] ?? '', '.pack')).toHaveLength(1);
    expect(await registry(repo, head)).toBe('cluster: one\n');
    server.intercept = () => false;
    expect(await repo.fetch()).toBe(next);
  });

  test('an error in the middle of a pack is told', async () => {
    const { open, clone } = await bench();
    const repo = await open();
    await repo.fetch();
    await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
    server.intercept = (asked, answer) => {
      if (asked.method !== 'POST') return false;
      answer.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
      answer.end('0008NAK\n001a\u0003the disk is on fire\n0000');
      return true;
    };
    await expect(repo.fetch()).rejects.toMatchObject({
      code: 'git-unreachable',
      message: expect.stringContaining('the disk is on fire'),
    });
  });
});

test('a clone that a crash left is removed when it is old', async () => {
  const { open, clones } = await bench();
  await (await open()).fetch();
  const [inUse = ''] = await clones();
  const [old, young] = [join(dirname(inUse), 'clone-0abc'), join(dirname(inUse), 'clone-0def')];
  await fs.mkdir(old);
  await fs.mkdir(young);
  await fs.utimes(old, 0, 0);
  await fs.utimes(inUse, 0, 0);
  await (await open()).fetch();
  expect([...(await clones())].sort()).toEqual([inUse, young].sort());
});
