// Which registry is meant: a named repository, the one we stand in, or a file outside any.
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locate } from '../../reconciler/locate.js';
import { resolveSettings } from '../../reconciler/settings.js';
import type { Flags } from '../../schema/settings.js';

let top: string;

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-locate-')));
  await mkdir(join(top, 'repo', '.git'), { recursive: true });
  await mkdir(join(top, 'repo', 'infra'));
  await mkdir(join(top, 'plain'));
  await writeFile(join(top, 'repo', 'registry.yml'), '');
});
afterEach(() => rm(top, { recursive: true, force: true }));

const at = (cwd: string, flags: Flags = {}, env: Record<string, string> = {}) =>
  locate(resolveSettings({ flags, env: { HOME: top, ...env }, uid: 1000 }), join(top, cwd));

describe('without --repo', () => {
  it.each(['repo', 'repo/infra'])('the repository of %s', cwd => {
    expect(at(cwd)).toEqual({ kind: 'here', root: join(top, 'repo'), path: 'registry.yml' });
  });

  it('a registry that lies in the current folder comes before the one at the root', async () => {
    await writeFile(join(top, 'repo', 'infra', 'registry.yml'), '');
    expect(at('repo/infra')).toMatchObject({ path: 'infra/registry.yml' });
  });

  it('a path counts from the current folder, or from the root', async () => {
    await writeFile(join(top, 'repo', 'infra', 'cluster.yml'), '');
    expect(at('repo/infra', { path: 'cluster.yml' })).toMatchObject({ path: 'infra/cluster.yml' });
    expect(at('repo/infra', { path: 'infra/cluster.yml' })).toMatchObject({ path: 'infra/cluster.yml' });
  });

  it('REGISTRY_FILE names a file in another repository', () => {
    expect(at('plain', {}, { REGISTRY_FILE: join(top, 'repo', 'registry.yml') })).toEqual({
      kind: 'here',
      root: join(top, 'repo'),
      path: 'registry.yml',
    });
  });

  it('REGISTRY_FILE names a file outside any repository', async () => {
    await writeFile(join(top, 'plain', 'my.yml'), '');
    const lone = { kind: 'file', folder: join(top, 'plain'), path: 'my.yml' };
    expect(at('plain', {}, { REGISTRY_FILE: join(top, 'plain', 'my.yml') })).toEqual(lone);
    expect(at('plain', {}, { REGISTRY_FILE: 'my.yml' })).toEqual(lone);
  });

  it('a registry.yml in a folder without a repository', async () => {
    await writeFile(join(top, 'plain', 'registry.yml'), '');
    expect(at('plain')).toEqual({ kind: 'file', folder: join(top, 'plain'), path: 'registry.yml' });
  });

  it('a folder that is reached through a link is the same folder', async () => {
    await symlink(join(top, 'repo'), join(top, 'link'));
    expect(at('link/infra')).toEqual({ kind: 'here', root: join(top, 'repo'), path: 'registry.yml' });
  });

  it('a registry that is not there yet is looked for in the repository', async () => {
    await rm(join(top, 'repo', 'registry.yml'));
    expect(at('repo/infra')).toMatchObject({ kind: 'here', path: 'registry.yml' });
  });

  it('nothing at all', () => {
    expect(() => at('plain')).toThrow(expect.objectContaining({ code: 'registry-missing' }) as Error);
    expect(() => at('plain', { path: 'x.yml' })).toThrow('x.yml is not there');
  });
});

describe('with --repo', () => {
  it.each([
    ['https://forge.example/a.git', 'registry.yml'],
    ['git@forge.example:a.git', 'registry.yml'],
  ])('%s', (repo, path) => {
    expect(at('repo', { repo })).toEqual({ kind: 'named', address: repo, path });
  });

  it('the path is one within the repository', () => {
    const repo = join(top, 'repo');
    expect(at('plain', { repo, path: './infra/r.yml' })).toEqual({ kind: 'named', address: repo, path: 'infra/r.yml' });
    expect(at('plain', { repo, path: join(repo, 'registry.yml') })).toMatchObject({ path: 'registry.yml' });
    expect(() => at('plain', { repo, path: join(top, 'plain', 'r.yml') })).toThrow(
      expect.objectContaining({ code: 'settings-invalid' }) as Error,
    );
  });
});
