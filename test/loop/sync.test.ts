// Which commit is in force: the head, or the last good one when the branch was rewritten, refused, emptied or cannot be had.
import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { noteAccepted } from '../../reconciler/loop/applied.js';
import { sync } from '../../reconciler/loop/sync.js';
import { fakeFiles } from '../fakes/git.js';
import { createFakePorts, type FakePorts, registryText } from '../fakes/ports.js';

let ports: FakePorts;
let first: string;
let applied: string;
const good = { 'registry.yml': registryText() };

beforeEach(() => {
  ports = createFakePorts();
  first = ports.git.make(good);
  applied = ports.git.make(good);
  ports.notes.set('git', { appliedCommit: applied });
});

const syncNow = () => sync(ports, { from: 'commit' });

describe('a branch that goes on', () => {
  it('is followed', async () => {
    const newer = ports.git.make(good);
    expect(await syncNow()).toMatchObject({ commit: newer, registry: { cluster: 'c' } });
  });

  it('is followed from the beginning where nothing was applied', async () => {
    ports.notes.clear();
    expect(await syncNow()).toMatchObject({ commit: applied });
    expect(await syncNow()).not.toHaveProperty('held');
  });
});

describe('a branch that was rewritten', () => {
  it('is held at the applied commit, with the word that accepts it', async () => {
    const other = ports.git.make(good, first);
    const synced = await syncNow();
    expect(synced.commit).toBe(applied);
    expect(synced.held).toContain(`portoser git accept ${other.slice(0, 12)}`);
  });

  it('is followed when the registry in force says so, whatever the new one says', async () => {
    const follow = { 'registry.yml': registryText({}, { force_push: 'follow' }) };
    ports.git.make(follow, first);
    expect((await syncNow()).commit).toBe(applied);
    const from = ports.git.make(follow, first);
    ports.notes.set('git', { appliedCommit: from });
    const other = ports.git.make(good, first);
    expect(await syncNow()).toMatchObject({ commit: other });
  });

  it('is followed when a person accepted its head, or one that it contains', async () => {
    const accepted = ports.git.make(good, first);
    await noteAccepted(ports.state, accepted);
    expect((await syncNow()).commit).toBe(accepted);
    const newer = ports.git.make(good);
    expect((await syncNow()).commit).toBe(newer);
    ports.git.make(good, first);
    expect((await syncNow()).commit).toBe(applied);
  });

  it('is not followed when the applied commit is gone: there is nothing to go by', async () => {
    ports.git.make(good, first);
    ports.git.lost.add(applied);
    await expect(syncNow()).rejects.toMatchObject({ code: 'git-held' });
    await noteAccepted(ports.state, ports.git.head);
    expect((await syncNow()).commit).toBe(ports.git.head);
  });
});

describe('a remote that does not answer', () => {
  it.each(['git-unreachable', 'git-auth', 'git-missing', 'git-broken'] as const)(
    '%s: the last good commit goes on',
    async code => {
      ports.git.fault = new AppError(code, 'no answer');
      expect(await syncNow()).toMatchObject({ commit: applied, registry: { cluster: 'c' }, outage: { code } });
    },
  );

  it('is an error where nothing was applied, or that is gone', async () => {
    ports.git.fault = new AppError('git-unreachable', 'no answer');
    ports.git.lost.add(applied);
    await expect(syncNow()).rejects.toMatchObject({ code: 'git-unreachable' });
    ports.notes.clear();
    await expect(syncNow()).rejects.toMatchObject({ code: 'git-unreachable' });
  });

  it('a fault of our own is no outage', async () => {
    ports.git.fault = new AppError('internal', 'a bug');
    await expect(syncNow()).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('a registry that cannot be taken', () => {
  it('is refused whole; the last good one stays in force, with the diagnostics of the new one', async () => {
    const broken = ports.git.make({ 'registry.yml': registryText({ web: { type: 'docker' } }) });
    const synced = await syncNow();
    expect(synced).toMatchObject({ commit: applied, refused: broken, registry: { cluster: 'c' } });
    expect(synced.diagnostics.filter(one => one.severity === 'error').length).toBeGreaterThan(0);
    expect(synced.files.revision).toBe(applied);
  });

  describe('and a newer one than the applied was gone by, whose plan was held', () => {
    let freeze: string;
    beforeEach(() => {
      freeze = ports.git.make({ 'registry.yml': registryText({}, { apply: 'observe' }) });
      ports.notes.set('git', { appliedCommit: applied, goodCommit: freeze });
    });

    it('keeps that one in force while its successor is refused, or the remote is away', async () => {
      const broken = ports.git.make({ 'registry.yml': 'services: 5\n' });
      const kept = { commit: freeze, registry: { policy: { apply: 'observe' } } };
      expect(await syncNow()).toMatchObject({ ...kept, refused: broken });
      ports.git.fault = new AppError('git-unreachable', 'no answer');
      expect(await syncNow()).toMatchObject({ ...kept, outage: { code: 'git-unreachable' } });
    });

    it('and while the branch is held; not when the branch dropped it, or it is gone', async () => {
      ports.git.make(good, first);
      expect(await syncNow()).toMatchObject({ commit: freeze, held: expect.any(String) as string });
      ports.git.make({ 'registry.yml': 'services: 5\n' }, applied);
      expect(await syncNow()).toMatchObject({ commit: applied });
      ports.git.fault = new AppError('git-unreachable', 'no answer');
      ports.git.lost.add(freeze);
      expect(await syncNow()).toMatchObject({ commit: applied });
    });
  });

  it('leaves nothing to go by where none was applied', async () => {
    ports.notes.clear();
    const broken = ports.git.make({ 'registry.yml': 'services: 5\n' });
    const synced = await syncNow();
    expect([synced.commit, synced.registry, synced.refused]).toEqual([broken, undefined, broken]);
  });

  it('that is not there any more keeps the last good one in force, and says so', async () => {
    const empty = ports.git.make({ 'README.md': 'x' });
    const synced = await syncNow();
    expect(synced).toMatchObject({ commit: applied, refused: empty, outage: { code: 'registry-missing' } });
    ports.notes.clear();
    await expect(syncNow()).rejects.toMatchObject({ code: 'registry-missing' });
  });

  it('is read with what it includes, at the same commit', async () => {
    const main = JSON.stringify({
      include: ['more/*.yml'],
      machines: { m1: { host: 'h', user: 'u', platform: 'linux' } },
    });
    const more = JSON.stringify({
      services: { web: { type: 'native', machine: 'm1', path: '/opt/web', command: 'x' } },
    });
    ports.git.make({ 'registry.yml': main, 'more/web.yml': more });
    expect((await syncNow()).registry?.placements.map(one => one.key)).toEqual(['web@m1']);
  });
});

describe('files as they lie there', () => {
  const lying = (files: Readonly<Record<string, string>>) => ({
    ...ports,
    source: {
      ...ports.source,
      workTree: { folder: '/clone', files: async () => fakeFiles('work-tree', files), commit: async () => '' },
    },
  });

  it('are taken as they are, and compared with the commit', async () => {
    expect(await sync(lying(good), { from: 'files' })).toMatchObject({ commit: ports.git.head, differs: false });
    const edited = { 'registry.yml': registryText({}, { interval: '5m' }) };
    expect(await sync(lying(edited), { from: 'files' })).toMatchObject({ commit: 'work-tree', differs: true });
  });

  it('are the commit only where a pass would follow it', async () => {
    ports.notes.set('git', { appliedCommit: 'f'.repeat(40) });
    expect(await sync(lying(good), { from: 'files' })).toMatchObject({ commit: 'work-tree', differs: false });
  });

  const sourced = {
    'registry.yml': registryText({
      web: { type: 'native', machine: 'm1', path: '/opt/web', command: 'x', source: 'apps/web' },
    }),
  };
  const app = { ...sourced, 'apps/web/run.sh': 'one', 'README.md': 'x' };
  it.each([
    ['nothing', app, false],
    ['what is not deployed', { ...app, 'README.md': 'y', 'new.txt': 'z' }, false],
    ['a source file', { ...app, 'apps/web/run.sh': 'two' }, true],
    ['a new source file', { ...app, 'apps/web/more': 'x' }, true],
    ['a source file that is gone', { ...sourced, 'apps/web/other.sh': 'one', 'README.md': 'x' }, true],
  ])('differ by %s or not', async (_, files, differs) => {
    ports.git.make(app);
    expect((await sync(lying(files), { from: 'files' })).differs).toBe(differs);
  });

  it('that are wrong are refused: there is no last good one among them', async () => {
    const synced = await sync(lying({ 'registry.yml': 'services: 5\n' }), { from: 'files' });
    expect([synced.registry, synced.diagnostics.length > 0]).toEqual([undefined, true]);
  });
});
