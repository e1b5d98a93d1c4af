// What is gathered for a placement from its source folder, and what may not stand there.
import { beforeEach, describe, expect, it } from 'vitest';
import { drivers } from '../../reconciler/drivers/index.js';
import { desire } from '../../reconciler/loop/desired.js';
import { sync } from '../../reconciler/loop/sync.js';
import type { RepoEntry } from '../../reconciler/ports.js';
import { sha256 } from '../fakes/fleet.js';
import { fakeFiles } from '../fakes/git.js';
import { createFakePorts, type FakePorts, registryText } from '../fakes/ports.js';

let ports: FakePorts;
beforeEach(() => {
  ports = createFakePorts();
});

const service = { type: 'docker', machine: 'm1', path: '/opt/web', source: 'apps/web', compose_service: 'main' };
const compose = 'services:\n  main:\n    image: lab/web:1';

async function placementOf(
  files: Readonly<Record<string, string>>,
  one: object = service,
  more: readonly RepoEntry[] = [],
) {
  const all = { 'registry.yml': registryText({ web: one }), ...files };
  const commit = ports.git.make(all);
  const synced = { ...(await sync(ports, { from: 'commit' })), files: fakeFiles(commit, all, more) };
  const desired = await desire(ports, { drivers }, synced);
  return { desired, placement: desired.placements[0] };
}

const entry = (path: string, kind: RepoEntry['kind'] = 'file'): RepoEntry => ({
  path,
  kind,
  executable: false,
  oid: 'o',
});

describe('a source folder', () => {
  it('gives its files with hash and mode, and the texts that drivers read', async () => {
    const { placement, desired } = await placementOf({
      'apps/web/compose.yaml': compose,
      'apps/web/bin/run.sh': 'x',
      'apps/webbed/no': '',
      other: '',
    });
    expect(placement?.source.map(file => [file.path, file.mode, file.sha256])).toEqual([
      ['bin/run.sh', 0o755, sha256('x')],
      ['compose.yaml', 0o644, sha256(compose)],
    ]);
    expect(placement?.texts).toEqual({ 'compose.yaml': compose });
    expect(placement?.blocked).toBeUndefined();
    expect(desired).toMatchObject({ commit: ports.git.head, cluster: 'c' });
    expect(desired.rootCommit).toBe(await ports.git.rootCommit(ports.git.head));
  });

  it('may be the root of the repository', async () => {
    const { placement } = await placementOf({ 'compose.yaml': compose }, { ...service, source: '.' });
    expect(placement?.texts).toEqual({ 'compose.yaml': compose });
    expect(placement?.source.map(file => file.path)).toEqual(['compose.yaml', 'registry.yml']);
  });

  it.each([
    [
      'a link',
      [entry('apps/web/link', 'link')],
      'apps/web/link is a symbolic link: `source` may hold plain files only',
    ],
    [
      'a submodule',
      [entry('apps/web/sub', 'submodule')],
      'apps/web/sub is a submodule: `source` may hold plain files only',
    ],
    [
      'a name that no line can hold',
      [entry('apps/web/a\nb')],
      'a file below apps/web has a control character or backslash in its name',
    ],
    [
      'a name with a backslash',
      [entry('apps/web/a\\b')],
      'a file below apps/web has a control character or backslash in its name',
    ],
    [
      'our own folder',
      [entry('apps/web/.portoser/run')],
      'apps/web/.portoser/run: the folder .portoser belongs to Portoser',
    ],
  ])('with %s is not used, and says why', async (_, more, why) => {
    expect((await placementOf({ 'apps/web/compose.yaml': compose }, service, more)).placement?.blocked).toBe(why);
  });

  it('that has our folder at the root of the repository is not used either', async () => {
    const { placement } = await placementOf({ 'compose.yaml': compose }, { ...service, source: '.' }, [
      entry('.portoser/run'),
    ]);
    expect(placement?.blocked).toBe('.portoser/run: the folder .portoser belongs to Portoser');
  });

  it('that is not there blocks its placement alone', async () => {
    const commit = ports.git.make({
      'registry.yml': registryText({
        web: { ...service, source: 'apps/gone' },
        api: { type: 'native', machine: 'm1', path: '/opt/api', command: 'x' },
      }),
      x: '',
    });
    const synced = await sync(ports, { from: 'commit' });
    expect(synced.commit).toBe(commit);
    // The registry itself is refused, or the placement is blocked: never applied without its files.
    const blocked =
      synced.registry === undefined
        ? synced.diagnostics.map(one => one.code)
        : (await desire(ports, { drivers }, synced)).placements.map(one => one.blocked ?? 'goes on');
    expect([['source-missing'], ['goes on', 'there is no folder apps/gone in the repository']]).toContainEqual(blocked);
  });
});

describe('no registry', () => {
  it('is no desired state', async () => {
    ports.git.make({ 'registry.yml': 'services: 5\n' });
    const synced = await sync(ports, { from: 'commit' });
    await expect(desire(ports, { drivers }, synced)).rejects.toMatchObject({ code: 'registry-invalid' });
  });
});
