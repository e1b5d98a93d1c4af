// Repositories on this machine: the contract, what is read as it lies, the lock, watching, hostile trees.
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openGitRepo } from '../../reconciler/adapters/git.js';
import type { GitRepo } from '../../reconciler/ports.js';
import { commitFiles, git, gitWith, makeRepo, pushFiles, recordingLog, scratch } from '../contracts/git-fixture.js';
import { gitRepoContract } from '../contracts/git-repo.js';

gitRepoContract({ name: 'local', settings: bare => ({ address: bare, credentials: {} }), runsHooks: false });
gitRepoContract({
  name: 'file://',
  settings: bare => ({ address: pathToFileURL(bare).href, credentials: {} }),
  runsHooks: false,
});

async function open(address: string, branch?: string): Promise<GitRepo> {
  const repo = await openGitRepo({ address, branch, stateDir: await scratch(), credentials: {}, log: recordingLog() });
  onTestFinished(() => repo.close());
  return repo;
}

describe('reading where it lies', () => {
  test('packed refs, packed objects, and a gc while it is open', async () => {
    const { bare, clone } = await makeRepo(await scratch());
    await git(bare, 'gc', '--quiet');
    const repo = await open(bare);
    const head = await git(clone, 'rev-parse', 'HEAD');
    expect(await repo.remoteHead()).toBe(head);
    expect(await (await repo.files(head)).read('registry.yml')).toBeDefined();
    const next = await pushFiles(clone, { 'registry.yml': 'cluster: packed anew\n' });
    await git(bare, 'gc', '--quiet', '--prune=now');
    expect(await repo.fetch()).toBe(next);
    expect(await (await repo.files(next)).read('registry.yml')).toEqual(Buffer.from('cluster: packed anew\n'));
    expect(await repo.isAncestor(head, next)).toBe(true);
  });

  test('a work tree, its .git folder and a linked work tree', async () => {
    const { clone } = await makeRepo(await scratch());
    await git(clone, 'worktree', 'add', '--quiet', '-b', 'side', `${clone}-side`);
    const side = await commitFiles(`${clone}-side`, { 'side.txt': 'side' });
    expect(await (await open(clone)).remoteHead()).toBe(await git(clone, 'rev-parse', 'trunk'));
    expect((await open(join(clone, '.git'))).branch).toBe('trunk');
    const linked = await open(`${clone}-side`);
    expect(linked.branch).toBe('side');
    expect(await linked.fetch()).toBe(side);
  });

  test('says what it does not read', async () => {
    const parent = await scratch();
    const { bare, clone } = await makeRepo(parent);
    await pushFiles(clone, {});
    await git(parent, 'init', '--quiet', '--bare', '--object-format=sha256', 'sha256.git');
    await git(parent, 'clone', '--quiet', '--bare', '--depth=1', pathToFileURL(bare).href, 'shallow.git');
    await git(parent, 'clone', '--quiet', '--bare', '--shared', bare, 'shared.git');
    await git(parent, 'clone', '--quiet', '--bare', bare, 'reftable.git');
    await git(join(parent, 'reftable.git'), 'config', 'extensions.refStorage', 'reftable');
    for (const name of ['sha256', 'shallow', 'shared', 'reftable']) {
      await expect(open(join(parent, `${name}.git`))).rejects.toMatchObject({ code: 'git-unsupported' });
    }
    await git(parent, 'init', '--quiet', '--bare', 'empty.git');
    await expect(open(join(parent, 'empty.git'))).rejects.toMatchObject({
      code: 'git-missing',
      hint: expect.stringContaining('git commit') as string,
    });
    await git(clone, 'checkout', '--quiet', '--detach');
    await expect(open(clone)).rejects.toMatchObject({ code: 'git-missing' });
    await expect(open(join(parent, 'state'))).rejects.toMatchObject({ code: 'git-missing' });
  });

  test('a damaged repository is told, with advice for its owner', async () => {
    const { bare, clone } = await makeRepo(await scratch());
    const head = await git(clone, 'rev-parse', 'HEAD');
    const repo = await open(bare);
    const tree = await git(clone, 'rev-parse', 'HEAD^{tree}');
    await fs.rm(join(bare, 'objects', tree.slice(0, 2), tree.slice(2)), { force: true });
    await expect(repo.files(head).then(files => files.list(''))).rejects.toMatchObject({
      code: 'git-broken',
      hint: expect.stringContaining('git fsck'),
    });
    await fs.writeFile(join(bare, 'refs/heads/trunk'), '');
    await expect(repo.remoteHead()).rejects.toMatchObject({
      code: 'git-broken',
      hint: expect.stringContaining('git fsck'),
    });
  });
});

describe('hostile trees', () => {
  async function headWithTree(
    entries: readonly (readonly [mode: string, name: Buffer | string, oid: string])[],
  ): Promise<{ repo: GitRepo; head: string }> {
    const { bare, clone } = await makeRepo(await scratch());
    const bytes = Buffer.concat(
      entries.map(([mode, name, oid]) =>
        Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0]), Buffer.from(oid, 'hex')]),
      ),
    );
    const tree = await gitWith(bare, bytes, 'hash-object', '-t', 'tree', '--literally', '-w', '--stdin');
    const head = await git(bare, 'commit-tree', '-p', await git(clone, 'rev-parse', 'HEAD'), '-m', 'evil', tree);
    await git(bare, 'update-ref', 'refs/heads/trunk', head);
    return { repo: await open(bare), head };
  }
  const blob = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

  test.each([
    ['..', [['100644', '..', blob]]],
    ['.', [['40000', '.', blob]]],
    ['.git', [['40000', '.git', blob]]],
    ['.GiT', [['40000', '.GiT', blob]]],
    ['a slash', [['100644', 'a/../../b', blob]]],
    ['an empty name', [['100644', '', blob]]],
    [
      'a name twice',
      [
        ['100644', 'a', blob],
        ['100755', 'a', blob],
      ],
    ],
    [
      'a file and a folder of one name',
      [
        ['100644', 'a', blob],
        ['40000', 'a', blob],
      ],
    ],
    ['a name that is not UTF-8', [['100644', Buffer.from([0x61, 0xff]), blob]]],
    ['an unknown mode', [['060000', 'a', blob]]],
    ['a cut end', [['100644', 'a', 'abcd']]],
  ] as const)('%s', async (_, entries) => {
    const { repo, head } = await headWithTree(entries);
    const files = await repo.files(head);
    await expect(files.list('')).rejects.toMatchObject({ code: 'git-unsupported' });
    await expect(files.read('a')).rejects.toMatchObject({ code: 'git-unsupported' });
  });

  test('a few objects that stand for endless files', async () => {
    const { bare } = await makeRepo(await scratch());
    const names = Array.from({ length: 16 }, (_, index) => `n${String(index).padStart(2, '0')}`);
    let tree = await gitWith(bare, names.map(name => `100644 blob ${blob}\t${name}\n`).join(''), 'mktree', '--missing');
    for (let depth = 0; depth < 12; depth += 1) {
      tree = await gitWith(bare, names.map(name => `040000 tree ${tree}\t${name}\n`).join(''), 'mktree');
    }
    const head = await git(bare, 'commit-tree', '-m', 'bomb', tree);
    await git(bare, 'update-ref', 'refs/heads/trunk', head);
    const files = await (await open(bare)).files(head);
    await expect(files.list('')).rejects.toMatchObject({ code: 'git-unsupported' });
  });

  test('names that only other systems mind are fine', async () => {
    const { repo, head } = await headWithTree([['100644', 'dev-disk\\x2dlabel.mount', blob]]);
    expect((await (await repo.files(head)).list(''))?.map(one => one.path)).toEqual(['dev-disk\\x2dlabel.mount']);
  });
});

describe('changing a branch', () => {
  const edit = (): Promise<Map<string, string>> => Promise.resolve(new Map([['registry.yml', 'cluster: edited\n']]));

  test("waits for git's own lock, and says when it never goes", async () => {
    const { bare, clone } = await makeRepo(await scratch());
    const repo = await open(bare);
    const lock = join(bare, 'refs/heads/trunk.lock');
    await fs.writeFile(lock, '');
    await expect(repo.commit(edit, 'x', {})).rejects.toMatchObject({
      code: 'git-race',
      message: expect.stringContaining('trunk.lock'),
    });
    expect(await repo.remoteHead()).toBe(await git(clone, 'rev-parse', 'HEAD'));
    await fs.rm(lock);
    const commit = await repo.commit(edit, 'x', {});
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
    await expect(fs.stat(lock)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a packed ref is changed too, and git agrees', async () => {
    const { bare } = await makeRepo(await scratch());
    await git(bare, 'pack-refs', '--all');
    const commit = await (await open(bare)).commit(edit, 'x', {});
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
    expect(await git(bare, 'fsck', '--strict', '--no-dangling')).toBe('');
  });

  test.runIf(process.getuid?.() === 0)("run as root, what it writes belongs to the repository's owner", async () => {
    const { bare } = await makeRepo(await scratch());
    const everything = async (): Promise<string[]> => [
      bare,
      ...(await fs.readdir(bare, { recursive: true })).map(name => join(bare, name)),
    ];
    for (const path of await everything()) await fs.chown(path, 65_534, 65_534);
    await (await open(bare)).commit(edit, 'x', {});
    const owners = await Promise.all((await everything()).map(async path => (await fs.stat(path)).uid));
    expect(new Set(owners)).toEqual(new Set([65_534]));
  });

  test('a branch of a work tree that is not checked out is changed as in a bare one', async () => {
    const { clone } = await makeRepo(await scratch());
    await git(clone, 'branch', 'fleet');
    const commit = await (await open(clone, 'fleet')).commit(edit, 'x', {});
    expect(await git(clone, 'rev-parse', 'fleet')).toBe(commit);
    expect(await git(clone, 'status', '--porcelain')).toBe('');
  });
});

describe('watching', () => {
  test('tells of pushes, edits of its own and packing, and only when the branch moved', async () => {
    const { bare, clone } = await makeRepo(await scratch());
    const repo = await open(bare);
    const changed = vi.fn<() => void>();
    const stop = await repo.watch(changed);
    onTestFinished(stop);
    for (let round = 1; round <= 5; round += 1) {
      await pushFiles(clone, { 'registry.yml': `cluster: n${round}\n` });
      await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(round), { timeout: 5_000, interval: 5 });
    }
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/other');
    await git(bare, 'pack-refs', '--all');
    await repo.commit(() => Promise.resolve(new Map([['a', 'a']])), 'x', {});
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(6), { timeout: 5_000, interval: 5 });
  });

  test('tells of a commit in a work tree', async () => {
    const { clone } = await makeRepo(await scratch());
    const changed = vi.fn<() => void>();
    onTestFinished(await (await open(clone)).watch(changed));
    await commitFiles(clone, { 'registry.yml': 'cluster: two\n' });
    await vi.waitFor(() => expect(changed).toHaveBeenCalled(), { timeout: 5_000, interval: 5 });
  });
});
