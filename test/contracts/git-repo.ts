// What every repository does, wherever it lies: the suite for local, ssh and https.
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openGitRepo, type GitSettings } from '../../reconciler/adapters/git.js';
import type { EditedContent, GitRepo, RepoFiles } from '../../reconciler/ports.js';
import { commitFiles, git, makeRepo, pushFiles, pushMany, recordingLog, scratch } from './git-fixture.js';

export interface GitPlace {
  readonly name: string;
  /** The address and credentials of a bare repository that lies at this path. */
  settings(bare: string): Pick<GitSettings, 'address' | 'credentials'>;
  /** Where repositories have to lie; default: anywhere. */
  readonly folder?: () => Promise<string>;
  /** Servers run the hooks of a repository; we, in a local one, do not. */
  readonly runsHooks: boolean;
}

interface Bench {
  readonly repo: GitRepo;
  readonly bare: string;
  readonly clone: string;
  readonly open: (more?: Partial<GitSettings>) => Promise<GitRepo>;
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');

export function gitRepoContract(place: GitPlace): void {
  async function bench(prepare?: (clone: string) => Promise<unknown>): Promise<Bench> {
    const parent = await (place.folder?.() ?? scratch());
    const { bare, clone } = await makeRepo(parent);
    await prepare?.(clone);
    const log = recordingLog();
    async function open(more: Partial<GitSettings> = {}): Promise<GitRepo> {
      const repo = await openGitRepo({ ...place.settings(bare), stateDir: join(parent, 'state'), log, ...more });
      onTestFinished(() => repo.close());
      return repo;
    }
    onTestFinished(() => expect(log.warnings).toEqual([]));
    return { repo: await open(), bare, clone, open };
  }

  describe(`a ${place.name} repository`, () => {
    test('has the branch that the remote names, its head, and its files', async () => {
      const { repo, clone } = await bench(async folder => {
        await fs.chmod(join(folder, 'apps/web/run.sh'), 0o755);
        await fs.symlink('registry.yml', join(folder, 'link.yml'));
        await fs.symlink('apps', join(folder, 'linked-apps'));
        await git(
          folder,
          'update-index',
          '--add',
          '--cacheinfo',
          `160000,${await git(folder, 'rev-parse', 'HEAD')},sub`,
        );
        await fs.mkdir(join(folder, 'sub'));
        await pushFiles(folder, { 'docs/ä ö.md': 'umlauts\n' });
      });
      const head = await git(clone, 'rev-parse', 'HEAD');
      expect(repo.branch).toBe('trunk');
      expect(await repo.remoteHead()).toBe(head);
      expect(await repo.fetch()).toBe(head);
      const files = await repo.files(head);
      expect(files.revision).toBe(head);
      expect(text(await files.read('registry.yml'))).toBe('cluster: one\n');
      expect(text(await files.read('docs/ä ö.md'))).toBe('umlauts\n');
      for (const path of [
        'nothing',
        'link.yml',
        'linked-apps/web/run.sh',
        'apps',
        'sub',
        '../fleet.git/HEAD',
        '/etc/hostname',
        '',
      ]) {
        expect(await files.read(path)).toBeUndefined();
      }
      expect((await files.list(''))?.map(one => `${one.kind} ${one.path}${one.executable ? ' *' : ''}`)).toEqual([
        'file apps/web/run.sh *',
        'file docs/ä ö.md',
        'link link.yml',
        'link linked-apps',
        'file registry.yml',
        'submodule sub',
      ]);
      expect((await files.list('apps/'))?.map(one => one.path)).toEqual(['apps/web/run.sh']);
      for (const folder of ['nothing', 'linked-apps', 'sub', 'registry.yml', '..'])
        expect(await files.list(folder)).toBeUndefined();
      expect((await files.list('apps'))?.[0]?.oid).toBe(await git(clone, 'rev-parse', 'HEAD:apps/web/run.sh'));
    });

    test('brings another ref here, and leaves the branch as it is', async () => {
      const { repo, clone } = await bench();
      const first = await repo.fetch();
      await git(clone, 'checkout', '--quiet', '-b', 'side');
      const side = await commitFiles(clone, { 'registry.yml': 'cluster: side\n' }, 'side');
      await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/pull/7/head');
      expect(await repo.fetchRef('refs/pull/7/head')).toBe(side);
      expect(text(await (await repo.files(side)).read('registry.yml'))).toBe('cluster: side\n');
      expect(await repo.remoteHead()).toBe(first);
      expect(await repo.fetch()).toBe(first);
      await git(clone, 'checkout', '--quiet', 'trunk');
      const second = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
      expect(await repo.fetch()).toBe(second);
      expect(await repo.mergeBase(second, side)).toBe(first);
      expect(await repo.mergeBase(side, first)).toBe(first);
      await expect(repo.fetchRef('refs/pull/8/head')).rejects.toMatchObject({ code: 'git-missing' });
    });

    test('has no common commit where there is none', async () => {
      const { repo, clone } = await bench();
      const first = await repo.fetch();
      await git(clone, 'checkout', '--quiet', '--orphan', 'lone');
      const lone = await commitFiles(clone, { 'registry.yml': 'cluster: lone\n' }, 'lone');
      await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/pull/9/head');
      expect(await repo.fetchRef('refs/pull/9/head')).toBe(lone);
      expect(await repo.mergeBase(first, lone)).toBeUndefined();
    });

    test('commits to a new branch on top of the newest head', async () => {
      const { repo, bare, clone } = await bench();
      const head = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' });
      const edit = (): Promise<ReadonlyMap<string, EditedContent>> =>
        Promise.resolve(new Map([['registry.yml', 'cluster: three\n']]));
      const made = await repo.commit(edit, 'Propose', { 'Portoser-Kind': 'test' }, 'portoser/test-1');
      expect(await git(bare, 'rev-parse', 'refs/heads/portoser/test-1')).toBe(made);
      expect(await git(bare, 'rev-parse', `${made}^`)).toBe(head);
      expect(await git(bare, 'rev-parse', 'refs/heads/trunk')).toBe(head);
      await expect(
        repo.commit(() => Promise.resolve(new Map([['x', 'y']])), 'Again', {}, 'portoser/test-1'),
      ).rejects.toMatchObject({ code: 'git-race' });
    });

    test('follows what is pushed, and tells commits apart', async () => {
      const { repo, clone } = await bench();
      const first = await repo.fetch();
      const second = await pushFiles(clone, { 'registry.yml': 'cluster: two\n' }, 'second\n\nwith a body');
      expect(await repo.remoteHead()).toBe(second);
      expect(await repo.fetch()).toBe(second);
      expect(text(await (await repo.files(second)).read('registry.yml'))).toBe('cluster: two\n');
      expect(text(await (await repo.files(first)).read('registry.yml'))).toBe('cluster: one\n');
      expect(await repo.isAncestor(first, second)).toBe(true);
      expect(await repo.isAncestor(second, first)).toBe(false);
      expect(await repo.isAncestor(second, second)).toBe(true);
      expect(await repo.has(second)).toBe(true);
      expect(await repo.has('0123456789012345678901234567890123456789')).toBe(false);
      expect(await repo.rootCommit(second)).toBe(first);
      const facts = await repo.commitFacts(second);
      expect(facts).toEqual({
        id: second,
        parents: [first],
        author: 'Ada <ada@example.org>',
        at: Number(await git(clone, 'log', '-1', '--format=%ct')) * 1000,
        message: 'second\n\nwith a body\n',
      });
      await expect(repo.files('0123456789012345678901234567890123456789')).rejects.toMatchObject({
        code: 'git-missing',
      });
    });

    test('knows ancestors in a history of 2,000 commits, and its root', async () => {
      const { repo, clone } = await bench(folder => pushMany(folder, 2_000));
      const head = await repo.fetch();
      const [first = ''] = (await git(clone, 'rev-list', '--max-parents=0', 'HEAD')).split('\n');
      expect(await repo.isAncestor(first, head)).toBe(true);
      expect(await repo.isAncestor(head, first)).toBe(false);
      expect(await repo.rootCommit(head)).toBe(first);
      const next = await pushFiles(clone, { 'more.txt': 'more' });
      expect(await repo.fetch()).toBe(next);
      expect(await repo.isAncestor(head, next)).toBe(true);
      expect(await repo.rootCommit(next)).toBe(first);
    });

    test('writes an edit as a commit of portoser on the newest head', async () => {
      const { repo, clone, bare } = await bench(async folder => {
        await fs.chmod(join(folder, 'apps/web/run.sh'), 0o755);
        await pushFiles(folder, { 'gone/old.txt': 'old' });
      });
      await repo.fetch();
      const newest = await pushFiles(clone, { 'other.txt': 'pushed by a person' });
      const edits = new Map([
        ['apps/web/run.sh', '#!/bin/sh\nexit 0\n'],
        ['playbooks/deep/er/cure.yml', 'cure\n'],
        ['gone/old.txt', null],
      ]);
      const commit = await repo.commit(() => Promise.resolve(edits), 'learn a cure', {
        'Portoser-Kind': 'playbook',
        'Portoser-Id': '7',
      });
      expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
      expect(await git(bare, 'log', '-1', '--format=%P%n%an <%ae>%n%cn <%ce>%n%B', commit)).toBe(
        `${newest}\nportoser <portoser@localhost>\nportoser <portoser@localhost>\nlearn a cure\n\nPortoser-Kind: playbook\nPortoser-Id: 7`,
      );
      expect(await git(bare, 'ls-tree', '-r', '--format=%(objectmode) %(path)', commit)).toBe(
        '100755 apps/web/run.sh\n100644 other.txt\n100644 playbooks/deep/er/cure.yml\n100644 registry.yml',
      );
      expect(await git(bare, 'show', `${commit}:apps/web/run.sh`)).toBe('#!/bin/sh\nexit 0');
      expect(await git(bare, 'fsck', '--strict', '--no-dangling')).toBe('');
      expect(await repo.fetch()).toBe(commit);
      expect(text(await (await repo.files(commit)).read('playbooks/deep/er/cure.yml'))).toBe('cure\n');
    });

    test('writes bytes with their mode, and a folder in the place of a file, or a file in the place of a folder', async () => {
      const { repo, bare } = await bench(folder =>
        pushFiles(folder, { 'a/turns': 'file', 'b/turns/one': '1', 'b/turns/two': '2' }),
      );
      await repo.fetch();
      const bytes = Buffer.from([0, 255, 10, 0, 13]);
      const edits = new Map<string, EditedContent>([
        ['apps/web/run.sh', { bytes: Buffer.from('now a text'), executable: false }],
        ['apps/web/tool', { bytes, executable: true }],
        ['a/turns', null],
        ['a/turns/deep', 'in a folder'],
        ['b/turns/one', null],
        ['b/turns/two', null],
        ['b/turns', 'a file'],
      ]);
      const commit = await repo.commit(() => Promise.resolve(edits), 'turn them', {});
      expect(await git(bare, 'ls-tree', '-r', '--format=%(objectmode) %(path)', commit)).toBe(
        '100644 a/turns/deep\n100644 apps/web/run.sh\n100755 apps/web/tool\n100644 b/turns\n100644 registry.yml',
      );
      expect(await (await repo.files(commit)).read('apps/web/tool')).toEqual(bytes);
      expect(await git(bare, 'fsck', '--strict', '--no-dangling')).toBe('');
    });

    test('makes no commit of an edit that changes nothing', async () => {
      const { repo, bare } = await bench();
      const head = await repo.fetch();
      const commit = await repo.commit(
        () =>
          Promise.resolve(
            new Map([
              ['registry.yml', 'cluster: one\n'],
              ['nothing', null],
            ]),
          ),
        'nothing',
        {},
      );
      expect(commit).toBe(head);
      expect(await git(bare, 'rev-parse', 'trunk')).toBe(head);
    });

    test('edits anew what lost a race, so that both edits survive', async () => {
      const { repo, clone, bare, open } = await bench();
      const another = await open({ stateDir: `${bare}-other-state` });
      let calls = 0;
      const append =
        (who: string, first: () => Promise<unknown> = () => Promise.resolve()) =>
        async (files: RepoFiles) => {
          calls += 1;
          if (calls === 1) await first();
          return new Map([['registry.yml', `${text(await files.read('registry.yml')) ?? ''}# ${who}\n`]]);
        };
      // Between reading the head and pushing, a person pushes: the first try is always lost.
      await repo.commit(
        append('one', () => pushFiles(clone, { 'person.txt': 'here' })),
        'one',
        {},
      );
      expect(calls).toBe(2);
      await Promise.all([another.commit(append('two'), 'two', {}), repo.commit(append('three'), 'three', {})]);
      const lines = (await git(bare, 'show', 'trunk:registry.yml')).split('\n');
      expect(lines.sort()).toEqual(['# one', '# three', '# two', 'cluster: one']);
      expect(await git(bare, 'show', 'trunk:person.txt')).toBe('here');
      expect(await git(bare, 'rev-list', '--count', 'trunk')).toBe('5');
      expect(await git(bare, 'fsck', '--strict', '--no-dangling')).toBe('');
    });

    test('follows a branch that was rewritten, and shows that it was', async () => {
      const { repo, clone } = await bench(folder => pushFiles(folder, { 'registry.yml': 'cluster: lost\n' }));
      const lost = await repo.fetch();
      await git(clone, 'reset', '--quiet', '--hard', 'HEAD^');
      const rewritten = await commitFiles(clone, { 'registry.yml': 'cluster: rewritten\n' });
      await git(clone, 'push', '--quiet', '--force', 'origin', 'trunk');
      expect(await repo.fetch()).toBe(rewritten);
      expect(await repo.isAncestor(lost, rewritten)).toBe(false);
      expect(text(await (await repo.files(rewritten)).read('registry.yml'))).toBe('cluster: rewritten\n');
      // Back to where it was, with nothing new to send.
      await git(clone, 'push', '--quiet', '--force', 'origin', `${lost}:trunk`);
      expect(await repo.fetch()).toBe(lost);
    });

    test('says which branch or repository is missing', async () => {
      const { open, bare } = await bench();
      await expect(open({ branch: 'nowhere' }).then(repo => repo.fetch())).rejects.toMatchObject({
        code: 'git-missing',
      });
      await fs.rm(bare, { recursive: true });
      await expect(open({ stateDir: `${bare}-fresh` })).rejects.toMatchObject({ code: 'git-missing' });
    });

    test('refuses edits that would leave the repository or follow a link', async () => {
      const { repo } = await bench(async folder => {
        await fs.symlink('/tmp', join(folder, 'away'));
        await pushFiles(folder, {});
      });
      for (const path of [
        '../out',
        '/etc/x',
        'a/../../b',
        '.git/hooks/post-update',
        'apps/.GIT/x',
        'away/x',
        'registry.yml/x',
        'apps',
        '',
      ]) {
        const edit = (): Promise<Map<string, string>> => Promise.resolve(new Map([[path, 'x']]));
        await expect(repo.commit(edit, 'x', {})).rejects.toMatchObject({ code: 'registry-edit' });
      }
    });

    if (place.runsHooks) hooksAreHeard(bench);
    else hooksAreLeftAlone(bench);

    test('answers many polls, also side by side', async () => {
      const { repo, clone } = await bench();
      const head = await git(clone, 'rev-parse', 'HEAD');
      for (let round = 0; round < 5; round += 1) {
        expect(new Set(await Promise.all(Array.from({ length: 6 }, () => repo.remoteHead())))).toEqual(new Set([head]));
      }
      expect(await repo.fetch()).toBe(head);
    });
  });
}

const robotFleet = (): Promise<Map<string, string>> => Promise.resolve(new Map([['registry.yml', 'cluster: robot\n']]));

function hooksAreHeard(bench: () => Promise<Bench>): void {
  test('says what a hook of the server said', async () => {
    const { repo, bare } = await bench();
    const head = await repo.fetch();
    const hook = '#!/bin/sh\necho "no robots on trunk" >&2\nexit 1\n';
    await fs.writeFile(join(bare, 'hooks/pre-receive'), hook, { mode: 0o755 });
    await expect(repo.commit(robotFleet, 'x', {})).rejects.toMatchObject({
      code: 'git-rejected',
      message: expect.stringContaining('no robots on trunk'),
    });
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(head);
  });
}

function hooksAreLeftAlone(bench: () => Promise<Bench>): void {
  test('runs no hook of the repository', async () => {
    const { repo, bare } = await bench();
    for (const hook of ['pre-receive', 'update', 'pre-commit', 'reference-transaction', 'post-receive', 'post-commit'])
      await fs.writeFile(join(bare, 'hooks', hook), '#!/bin/sh\ntouch "$0.ran"\nexit 1\n', { mode: 0o755 });
    const commit = await repo.commit(robotFleet, 'x', {});
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
    expect((await fs.readdir(join(bare, 'hooks'))).filter(name => name.endsWith('.ran'))).toEqual([]);
  });
}
