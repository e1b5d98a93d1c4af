// A person's own work tree: looking at it as it lies, and edits committed as that person.
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openGitRepo } from '../../reconciler/adapters/git.js';
import { openWorkTree } from '../../reconciler/adapters/work-tree.js';
import type { EditedContent } from '../../reconciler/ports.js';
import { commitFiles, git, makeRepo, pushFiles, recordingLog, scratch } from '../contracts/git-fixture.js';

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');

async function person(): Promise<{ bare: string; clone: string }> {
  const made = await makeRepo(await scratch());
  await git(made.clone, 'branch', '--quiet', '--set-upstream-to=origin/trunk');
  await git(made.clone, 'config', 'user.name', 'Grace');
  await git(made.clone, 'config', 'user.email', 'grace@example.org');
  return made;
}

async function edit(clone: string, changes: Readonly<Record<string, EditedContent>>): Promise<string> {
  const repo = await openGitRepo({ address: clone, stateDir: await scratch(), credentials: {}, log: recordingLog() });
  onTestFinished(() => repo.close());
  return await repo.commit(() => Promise.resolve(new Map(Object.entries(changes))), 'service add web', {
    'Portoser-Kind': 'registry',
  });
}

describe('looking', () => {
  test('sees what lies there, not what is ignored or leads away', async () => {
    const { clone } = await person();
    await pushFiles(clone, { '.gitignore': 'secret.env\n' });
    await fs.writeFile(join(clone, 'registry.yml'), 'cluster: changed\n');
    await fs.writeFile(join(clone, 'new.yml'), 'new\n');
    await fs.writeFile(join(clone, 'secret.env'), 'X=1\n');
    await fs.symlink('/etc', join(clone, 'away'));
    const tree = await openWorkTree(join(clone, 'apps/web'));
    expect(tree.root).toBe(clone);
    expect(tree.revision).toBe('work-tree');
    expect(text(await tree.read('registry.yml'))).toBe('cluster: changed\n');
    expect((await tree.list(''))?.map(one => `${one.kind} ${one.path}`)).toEqual([
      'file .gitignore',
      'file apps/web/run.sh',
      'link away',
      'file new.yml',
      'file registry.yml',
    ]);
    expect((await tree.list('apps'))?.[0]?.oid).toBe(await git(clone, 'rev-parse', 'HEAD:apps/web/run.sh'));
    for (const path of ['away/hostname', 'away', '../fleet.git/HEAD', '.git/HEAD', 'nothing', '/etc/hostname']) {
      expect(await tree.read(path)).toBeUndefined();
    }
    for (const folder of ['away', '.git', 'nothing', '..', 'registry.yml'])
      expect(await tree.list(folder)).toBeUndefined();
  });

  test('tells which files differ from a commit', async () => {
    const { clone } = await person();
    const head = await git(clone, 'rev-parse', 'HEAD');
    const tree = await openWorkTree(clone);
    expect(await tree.differs(head, [''])).toEqual([]);
    await fs.writeFile(join(clone, 'registry.yml'), 'cluster: changed\n');
    await fs.writeFile(join(clone, 'apps/web/new.txt'), 'new');
    await fs.rm(join(clone, 'apps/web/run.sh'));
    expect(await tree.differs(head, ['registry.yml'])).toEqual(['registry.yml']);
    expect(await tree.differs(head, ['apps'])).toEqual(['apps/web/new.txt', 'apps/web/run.sh']);
    expect(await tree.differs(head, ['nothing.yml'])).toEqual([]);
  });

  test('works outside any repository', async () => {
    const folder = await scratch();
    await fs.mkdir(join(folder, 'sub'));
    await fs.writeFile(join(folder, 'sub/registry.yml'), 'abc');
    const tree = await openWorkTree(join(folder, 'sub'));
    expect(tree.layout).toBeUndefined();
    expect((await tree.list(''))?.map(one => one.path)).toEqual(['registry.yml']);
    expect(await tree.hash('registry.yml')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    await expect(tree.differs('0'.repeat(40), ['registry.yml'])).rejects.toMatchObject({ code: 'git-missing' });
    await expect(openWorkTree(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'git-missing' });
  });
});

describe('editing', () => {
  test('commits only what it wrote, as that person, and pushes to the upstream', async () => {
    const { bare, clone } = await person();
    await fs.writeFile(join(clone, 'staged.txt'), 'staged');
    await git(clone, 'add', 'staged.txt');
    await fs.writeFile(join(clone, 'apps/web/run.sh'), 'dirty, and not ours');
    await fs.chmod(join(clone, 'registry.yml'), 0o755);
    await git(clone, 'update-index', '--chmod=+x', 'registry.yml');
    await git(clone, 'commit', '--quiet', '-m', 'mode', '--only', 'registry.yml');
    const commit = await edit(clone, { 'registry.yml': 'cluster: edited\n', 'new/file.yml': 'new\n' });
    expect(await git(clone, 'log', '-1', '--format=%H %an <%ae> %s')).toMatch(
      new RegExp(`^${commit} Grace <grace@example.org> service add web$`),
    );
    expect(await git(clone, 'show', '--format=%B', '--name-only', 'HEAD')).toBe(
      'service add web\n\nPortoser-Kind: registry\n\n\nnew/file.yml\nregistry.yml',
    );
    expect(await git(clone, 'ls-tree', '--format=%(objectmode)', 'HEAD', 'registry.yml')).toBe('100755');
    expect(await git(clone, 'status', '--porcelain')).toBe('M apps/web/run.sh\nA  staged.txt');
    expect(await git(bare, 'rev-parse', 'trunk')).toBe(commit);
  });

  test('writes bytes with their mode, and a folder where a file was; a refusal leaves all as it was', async () => {
    const { clone } = await person();
    const bytes = Buffer.from([0, 255, 10]);
    const edits = {
      'apps/web/run.sh': null,
      'apps/web/run.sh/deep/tool': { bytes, executable: true },
      'registry.yml': { bytes: Buffer.from('cluster: two\n'), executable: false },
    };
    const hook = join(clone, '.git/hooks/pre-commit');
    await fs.writeFile(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const before = await git(clone, 'ls-files', '--stage');
    await expect(edit(clone, edits)).rejects.toMatchObject({ code: 'git-rejected' });
    expect(await git(clone, 'status', '--porcelain')).toBe('');
    expect(await git(clone, 'ls-files', '--stage')).toBe(before);
    await fs.rm(hook);
    await edit(clone, edits);
    expect(await git(clone, 'status', '--porcelain')).toBe('');
    expect(await git(clone, 'ls-tree', '-r', '--format=%(objectmode) %(path)', 'HEAD')).toBe(
      '100755 apps/web/run.sh/deep/tool\n100644 registry.yml',
    );
    expect(await fs.readFile(join(clone, 'apps/web/run.sh/deep/tool'))).toEqual(bytes);
  });

  test('deletes', async () => {
    const { clone } = await person();
    await edit(clone, { 'apps/web/run.sh': null });
    expect(await git(clone, 'ls-files')).toBe('registry.yml');
    expect(await git(clone, 'status', '--porcelain')).toBe('');
  });

  test.each([
    ['changed', (clone: string) => fs.writeFile(join(clone, 'registry.yml'), 'mine\n')],
    [
      'staged',
      async (clone: string) => {
        await fs.writeFile(join(clone, 'registry.yml'), 'mine\n');
        await git(clone, 'add', 'registry.yml');
        await fs.writeFile(join(clone, 'registry.yml'), 'cluster: one\n');
      },
    ],
    ['removed', (clone: string) => fs.rm(join(clone, 'registry.yml'))],
    [
      'a link now',
      async (clone: string) => {
        await fs.rm(join(clone, 'registry.yml'));
        await fs.symlink('/etc/hostname', join(clone, 'registry.yml'));
      },
    ],
  ])('refuses a file that is %s', async (_, prepare) => {
    const { clone } = await person();
    await prepare(clone);
    const before = await git(clone, 'status', '--porcelain');
    await expect(edit(clone, { 'registry.yml': 'cluster: edited\n' })).rejects.toMatchObject({ code: 'registry-edit' });
    expect(await git(clone, 'status', '--porcelain')).toBe(before);
  });

  test('refuses an untracked file in the way, and keeps it', async () => {
    const { clone } = await person();
    await fs.writeFile(join(clone, 'new.yml'), 'mine');
    await expect(edit(clone, { 'new.yml': 'ours' })).rejects.toMatchObject({ code: 'registry-edit' });
    expect(await fs.readFile(join(clone, 'new.yml'), 'utf8')).toBe('mine');
  });

  test("leaves everything as it was when the person's hook refuses", async () => {
    const { clone } = await person();
    await fs.writeFile(join(clone, '.git/hooks/pre-commit'), '#!/bin/sh\necho "lint first" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const failed = edit(clone, { 'registry.yml': 'cluster: edited\n', 'new.yml': 'new\n' });
    await expect(failed).rejects.toMatchObject({
      code: 'git-rejected',
      message: expect.stringContaining('lint first'),
    });
    expect(await git(clone, 'status', '--porcelain')).toBe('');
    expect(await fs.readFile(join(clone, 'registry.yml'), 'utf8')).toBe('cluster: one\n');
  });

  test('keeps the commit when the upstream refuses it, and says so', async () => {
    const { bare, clone } = await person();
    await git(
      bare,
      'update-ref',
      'refs/heads/trunk',
      await git(bare, 'commit-tree', '-p', 'trunk', '-m', 'ahead', 'trunk^{tree}'),
    );
    await expect(edit(clone, { 'registry.yml': 'cluster: edited\n' })).rejects.toMatchObject({
      code: 'git-rejected',
      details: { committed: true },
    });
    expect(await git(clone, 'log', '-1', '--format=%s')).toBe('service add web');
    expect(await git(clone, 'status', '--porcelain')).toBe('');
  });

  test('a linked work tree that has the branch is edited where it lies', async () => {
    const { clone } = await person();
    await git(clone, 'worktree', 'add', '--quiet', '-b', 'side', `${clone}-side`);
    await edit(`${clone}-side`, { 'registry.yml': 'cluster: side\n' });
    expect(await fs.readFile(join(`${clone}-side`, 'registry.yml'), 'utf8')).toBe('cluster: side\n');
    expect(await git(`${clone}-side`, 'status', '--porcelain')).toBe('');
    expect(await git(clone, 'status', '--porcelain')).toBe('');
  });

  test('without a git on the machine it is committed by hand, what is staged stays staged', async () => {
    const { clone } = await person();
    await fs.writeFile(join(clone, 'staged.txt'), 'staged');
    await git(clone, 'add', 'staged.txt');
    await commitFiles(clone, {}, 'with it');
    await fs.writeFile(join(clone, 'later.txt'), 'staged later');
    await git(clone, 'add', 'later.txt');
    const path = process.env['PATH'];
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('PATH', await scratch());
    const commit = await edit(clone, {
      'registry.yml': 'cluster: by hand\n',
      'new.yml': 'new\n',
      'apps/web/run.sh': null,
    });
    await expect(edit(clone, { 'later.txt': 'x' })).rejects.toMatchObject({ code: 'registry-edit' });
    vi.stubEnv('PATH', path);
    expect(await git(clone, 'log', '-1', '--format=%H %an <%ae>')).toBe(`${commit} Grace <grace@example.org>`);
    expect(await git(clone, 'status', '--porcelain')).toBe('A  later.txt');
    expect(await git(clone, 'fsck', '--strict', '--no-dangling')).toBe('');
  });
});
