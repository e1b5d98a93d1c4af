// Edits of the registry end to end, on real repositories: only their own lines change, comments stay, what is wrong is refused.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, InputOf, OperationName, OutputOf } from '../../reconciler/engine.js';
import { openEngine } from '../../reconciler/main.js';
import type { Flags } from '../../schema/settings.js';

const run = promisify(execFile);

const registry = `# What runs where.
cluster: home   # remembered by the machines

machines:
  m1:            # the old laptop
    host: 192.168.0.10
    user: admin
    platform: linux
  m2: {host: 192.168.0.11, user: admin, platform: linux}

services:
  # The site.
  web:
    type: docker
    machine: m1
    path: /opt/web
    port: 8080     # behind the proxy
    env:
      LEVEL: info  # or debug

  db:
    type: local
    machine: m2
    path: /opt/db
    command: ./db --quiet
`;

let top: string;
let engines: Engine[];

async function git(folder: string, ...words: string[]): Promise<string> {
  return (await run('git', ['-C', folder, ...words])).stdout.trim();
}

beforeEach(async () => {
  engines = [];
  top = await realpath(await mkdtemp(join(tmpdir(), 'portoser-edits-')));
  const repo = join(top, 'repo');
  await mkdir(repo);
  await git(repo, 'init', '-q', '-b', 'main');
  await git(repo, 'config', 'user.name', 'Ada');
  await git(repo, 'config', 'user.email', 'ada@example.org');
  await writeFile(join(repo, 'registry.yml'), registry);
  await writeFile(join(repo, 'notes.txt'), 'mine\n');
  await git(repo, 'add', '-A');
  await git(repo, 'commit', '-q', '-m', 'first');
});

afterEach(async () => {
  await Promise.all(engines.map(engine => engine.close()));
  await rm(top, { recursive: true, force: true });
});

function open(cwd: string, flags: Flags = {}): Engine {
  const env = { HOME: top, PORTOSER_STATE_DIR: join(top, 'state') };
  const engine = openEngine({ flags, env, cwd: join(top, cwd), uid: 1000, logs: false });
  engines.push(engine);
  return engine;
}

async function commit(text: string): Promise<void> {
  await writeFile(join(top, 'repo', 'registry.yml'), text);
  await git(join(top, 'repo'), 'commit', '-q', '-a', '-m', 'other');
}

const ask = <N extends OperationName>(engine: Engine, name: N, input: InputOf<N>): Promise<OutputOf<N>> =>
  engine.perform(name, input, { name: 'ada', by: 'cli' }, new AbortController().signal);

const text = (path = 'repo/registry.yml'): Promise<string> => readFile(join(top, path), 'utf8');

/** Lines of the file that are not in the other, in order. */
const without = (a: string, b: string): readonly string[] =>
  a.split('\n').filter(line => !b.split('\n').includes(line));

describe('in a work tree of one’s own', () => {
  it('a machine is added, changed and removed again, and nothing else moves', async () => {
    const engine = open('repo');
    const added = await ask(engine, 'machine.add', {
      name: 'm3',
      host: '192.168.0.245',
      user: 'admin',
      platform: 'darwin',
    });
    expect(await git(join(top, 'repo'), 'rev-parse', 'HEAD')).toBe(added.commit);
    expect(without(registry, await text())).toEqual([]);
    expect(without(await text(), registry).join('\n')).toContain('m3');
    expect((await ask(engine, 'machine.show', { name: 'm3' })).machine).toMatchObject({
      host: '192.168.0.245',
      platform: 'darwin',
    });

    const changed = await ask(engine, 'machine.update', { name: 'm1', host: 'new-ip' });
    expect(changed.files).toEqual([
      { path: 'registry.yml', line: 6, removed: ['    host: 192.168.0.10'], added: ['    host: new-ip'] },
    ]);

    await ask(engine, 'machine.update', { name: 'm1', host: '192.168.0.10' });
    await ask(engine, 'machine.remove', { name: 'm3' });
    expect(await text()).toBe(registry);
  });

  it('the commit is the person’s, says what it is, and holds this file alone', async () => {
    await writeFile(join(top, 'repo', 'notes.txt'), 'not finished\n');
    const { commit } = await ask(open('repo'), 'service.update', { name: 'web', machine: ['m2'], port: '9000' });
    const shown = await git(join(top, 'repo'), 'show', '--name-only', '--format=%an%n%s%n%b', commit);
    expect(shown.split('\n').filter(Boolean)).toEqual([
      'Ada',
      'Change service web',
      'Portoser-Kind: service.update',
      expect.stringMatching(/^Portoser-Id: [0-9a-f]{32}$/),
      'registry.yml',
    ]);
    expect(await git(join(top, 'repo'), 'status', '--short')).toBe('M notes.txt');
    expect(without(registry, await text())).toEqual(['    machine: m1', '    port: 8080     # behind the proxy']);
    expect(await text()).toContain('    port: 9000     # behind the proxy');
  });

  it('a service is added with all that may be said of it', async () => {
    const engine = open('repo');
    await ask(engine, 'service.add', {
      name: 'my-app',
      type: 'docker',
      path: '/opt/my-app',
      machine: ['m1'],
      port: 'auto',
      env: ['A=1', 'B=x=y'],
      dependsOn: ['db'],
      tags: ['edge'],
    });
    const [spec] = await ask(engine, 'service.show', { name: 'my-app' });
    expect(spec).toMatchObject({ key: 'my-app@m1', env: { A: '1', B: 'x=y' }, dependsOn: ['db'], tags: ['edge'] });
    expect(without(registry, await text())).toEqual([]);
  });

  it('one variable is set beside the others; keys are taken away', async () => {
    const engine = open('repo');
    await ask(engine, 'service.update', { name: 'web', env: ['MODE=fast'], unset: ['port'] });
    const [spec] = await ask(engine, 'service.show', { name: 'web' });
    expect(spec?.env).toEqual({ LEVEL: 'info', MODE: 'fast' });
    expect(spec?.port).toBeUndefined();
    expect(await text()).toContain('# or debug');
  });

  it('several machines take the place of one, and the other way round', async () => {
    const engine = open('repo');
    await ask(engine, 'service.update', { name: 'web', machine: ['m1', 'm2'] });
    expect((await ask(engine, 'service.show', { name: 'web' })).map(one => one.machine)).toEqual(['m1', 'm2']);
    await ask(engine, 'service.update', { name: 'web', machine: ['m2'] });
    expect((await ask(engine, 'service.show', { name: 'web' })).map(one => one.machine)).toEqual(['m2']);
  });

  it('what is said already makes no commit', async () => {
    const before = await git(join(top, 'repo'), 'rev-parse', 'HEAD');
    expect(await ask(open('repo'), 'machine.update', { name: 'm1', user: 'admin' })).toMatchObject({
      unchanged: true,
      files: [],
    });
    expect(await git(join(top, 'repo'), 'rev-parse', 'HEAD')).toBe(before);
  });

  it('a service moves, by its own line alone', async () => {
    const moved = await ask(open('repo'), 'service.move', { service: 'web', machine: 'm2' });
    expect(moved).toMatchObject({
      service: 'web',
      from: 'm1',
      to: 'm2',
      stateful: false,
      edited: { files: [{ path: 'registry.yml', line: 15, removed: ['    machine: m1'], added: ['    machine: m2'] }] },
    });
    expect(await text()).toBe(registry.replace('machine: m1', 'machine: m2'));
    expect(await git(join(top, 'repo'), 'log', '-1', '--format=%s')).toBe('Move service web from m1 to m2');
  });

  it.each([
    ['[m1, m2] # both', '[m3, m2] # both'],
    ['\n      - m1 # the first\n      - m2', '\n      - m3 # the first\n      - m2'],
  ])('one of several placements moves: machines: %j', async (before, after) => {
    const several = registry
      .replace('\nservices:', '  m3: {host: 192.168.0.12, user: admin, platform: linux}\n\nservices:')
      .replace('machine: m1', `machines: ${before}`);
    await commit(several);
    const engine = open('repo');
    await expect(ask(engine, 'service.move', { service: 'web', machine: 'm3' })).rejects.toMatchObject({
      code: 'usage',
      message: 'web runs on m1, m2',
    });
    await expect(ask(engine, 'service.move', { service: 'web', machine: 'm2', from: 'm1' })).rejects.toMatchObject({
      code: 'registry-edit',
    });
    await ask(engine, 'service.move', { service: 'web', machine: 'm3', from: 'm1' });
    expect(await text()).toBe(several.replace(before, after));
    expect((await ask(engine, 'service.show', { name: 'web' })).map(one => one.machine)).toEqual(['m2', 'm3']);
  });

  it('what holds data moves only when that is accepted', async () => {
    const stateful = registry.replace('    type: docker', '    stateful: true # photos\n    type: docker');
    await commit(stateful);
    const engine = open('repo');
    const shown = await ask(engine, 'service.move', { service: 'web', machine: 'm2' });
    expect(shown).toEqual({ service: 'web', from: 'm1', to: 'm2', stateful: true, copies: false });
    expect(await text()).toBe(stateful);
    const moved = await ask(engine, 'service.move', { service: 'web', machine: 'm2', accept: true });
    expect(moved).toMatchObject({ stateful: true, edited: { unchanged: false } });
    const deeds = await ask(engine, 'audit.list', {});
    expect(deeds.map(one => one.result)).toEqual(['shown', 'done']);
    expect(await text()).toBe(stateful.replace('machine: m1', 'machine: m2'));
  });

  it('what takes its data along moves like any other', async () => {
    await commit(registry.replace('    type: docker', '    stateful: true\n    data: copy\n    type: docker'));
    const moved = await ask(open('repo'), 'service.move', { service: 'web', machine: 'm2' });
    expect(moved).toMatchObject({ stateful: true, copies: true, edited: { unchanged: false } });
  });

  it('a person who removes a service approves of just that', async () => {
    const engine = open('repo');
    await ask(engine, 'service.remove', { name: 'web' });
    const approvals = JSON.parse(await text('state/approvals.json')) as object;
    expect(approvals).toEqual({ 'remove:web@m1': { by: 'ada', at: expect.any(Number) as number } });
    expect(await text()).not.toContain('web');
    expect(await text()).toContain('# remembered by the machines');
  });

  it('an entry of an included file is changed there', async () => {
    await writeFile(join(top, 'repo', 'more.yml'), 'machines:\n  m9: {host: h, user: u, platform: linux} # far\n');
    await writeFile(join(top, 'repo', 'registry.yml'), `include: [more.yml]\n${registry}`);
    await git(join(top, 'repo'), 'add', '-A');
    await git(join(top, 'repo'), 'commit', '-q', '-m', 'more');
    const { files } = await ask(open('repo'), 'machine.update', { name: 'm9', host: 'i' });
    expect(files.map(one => one.path)).toEqual(['more.yml']);
    expect(await text('repo/more.yml')).toBe('machines:\n  m9: {host: i, user: u, platform: linux} # far\n');
  });
});

describe('what is refused', () => {
  it.each([
    ['a name that is taken', 'machine.add', { name: 'm1', host: 'h', user: 'u', platform: 'linux' }, 'registry-edit'],
    ['an unknown machine', 'machine.update', { name: 'm', host: 'h' }, 'unknown-name'],
    ['an unknown service', 'service.remove', { name: 'wep' }, 'unknown-name'],
    ['a service on no machine', 'service.update', { name: 'web', machine: ['m7'] }, 'registry-invalid'],
    ['a machine that is in use', 'machine.remove', { name: 'm2' }, 'registry-invalid'],
    [
      'a name that is none',
      'machine.add',
      { name: 'M_1', host: 'h', user: 'u', platform: 'linux' },
      'registry-invalid',
    ],
    [
      'a folder of another service',
      'service.add',
      { name: 'x', type: 'local', path: '/opt/web', machine: ['m1'] },
      'registry-invalid',
    ],
    ['a move to no machine', 'service.move', { service: 'web', machine: 'm7' }, 'unknown-name'],
    ['a move of no service', 'service.move', { service: 'wep', machine: 'm2' }, 'unknown-name'],
    ['a move from where it is not', 'service.move', { service: 'web', machine: 'm2', from: 'm2' }, 'unknown-name'],
    ['a move to where it is', 'service.move', { service: 'web', machine: 'm1' }, 'registry-edit'],
    ['nothing to change', 'service.update', { name: 'web' }, 'usage'],
    ['no port', 'service.update', { name: 'web', port: '80a' }, 'usage'],
    ['set and taken away', 'service.update', { name: 'web', port: '80', unset: ['port'] }, 'usage'],
  ] as const)('%s', async (_, name, input, code) => {
    const engine = open('repo');
    await expect(ask(engine, name, input as never)).rejects.toMatchObject({ code });
    expect(await text()).toBe(registry);
    expect(await git(join(top, 'repo'), 'rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('a wrong name is answered with the right one', async () => {
    await expect(ask(open('repo'), 'service.update', { name: 'wep', port: '1' })).rejects.toMatchObject({
      hint: 'Did you mean `web`?',
    });
  });

  it('a move where tags choose the machines', async () => {
    const tagged = registry
      .replace('    user: admin', '    user: admin\n    tags: [a]')
      .replace('machine: m1', 'machines: {tags: [a]}');
    await commit(tagged);
    await expect(ask(open('repo'), 'service.move', { service: 'web', machine: 'm2' })).rejects.toMatchObject({
      code: 'registry-edit',
      hint: 'Change the tags of m1 and m2 with `portoser machine update`.',
    });
    expect(await text()).toBe(tagged);
  });

  it('a file that is not as it was committed', async () => {
    await writeFile(join(top, 'repo', 'registry.yml'), `${registry}# unfinished\n`);
    await expect(ask(open('repo'), 'machine.update', { name: 'm1', host: 'h' })).rejects.toMatchObject({
      code: 'registry-edit',
    });
    expect(await text()).toBe(`${registry}# unfinished\n`);
  });

  it('what was wrong before does not forbid an edit that has nothing to do with it', async () => {
    await writeFile(join(top, 'repo', 'registry.yml'), registry.replace('port: 8080', 'port: 808000'));
    await git(join(top, 'repo'), 'commit', '-q', '-a', '-m', 'wrong');
    const { files } = await ask(open('repo'), 'machine.update', { name: 'm1', host: 'h' });
    expect(files).toHaveLength(1);
    await expect(ask(open('repo'), 'machine.list', {})).rejects.toMatchObject({
      code: 'registry-invalid',
      message: expect.stringContaining('registry.yml:17') as string,
    });
  });
});

describe('in a repository that is named', () => {
  it('the edit is a commit of Portoser on the newest head', async () => {
    const bare = join(top, 'bare.git');
    await run('git', ['clone', '-q', '--bare', join(top, 'repo'), bare]);
    const { commit } = await ask(open('.', { repo: bare }), 'machine.update', { name: 'm1', host: 'h' });
    expect(await git(bare, 'log', '-1', '--format=%H %an %s')).toBe(`${commit} portoser Change machine m1`);
    expect(await git(bare, 'show', 'HEAD:registry.yml')).toBe(registry.replace('host: 192.168.0.10', 'host: h').trim());
  });

  it('policy.write: never is kept', async () => {
    await writeFile(join(top, 'repo', 'registry.yml'), `${registry}policy: {write: never}\n`);
    await git(join(top, 'repo'), 'commit', '-q', '-a', '-m', 'never');
    const bare = join(top, 'bare.git');
    await run('git', ['clone', '-q', '--bare', join(top, 'repo'), bare]);
    await expect(ask(open('.', { repo: bare }), 'machine.update', { name: 'm1', host: 'h' })).rejects.toMatchObject({
      code: 'registry-edit',
    });
  });
});

describe('a registry outside any repository', () => {
  it('is edited where it lies', async () => {
    await mkdir(join(top, 'plain'));
    await writeFile(join(top, 'plain', 'mine.yml'), registry);
    const engine = open('plain', { path: 'mine.yml' });
    expect(await ask(engine, 'machine.update', { name: 'm1', host: 'h' })).toMatchObject({
      commit: 'work-tree',
      unchanged: false,
    });
    expect(await text('plain/mine.yml')).toBe(registry.replace('host: 192.168.0.10', 'host: h'));
    await expect(ask(engine, 'deploy', {})).rejects.toMatchObject({ code: 'uncommitted' });
    await expect(ask(engine, 'run', {})).rejects.toMatchObject({ code: 'git-missing' });
  });
});
