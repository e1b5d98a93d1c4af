// Taking over in a real world: a repository that is edited, machines that are noted on, and a docker that answers as one with a project does.
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Adopting, adopt } from '../../reconciler/operations/adopt.js';
import { resolveSettings } from '../../reconciler/settings.js';
import { git } from '../contracts/git-fixture.js';
import { createWorld, outcomesOf, type World } from './world.js';

const hash = 'a'.repeat(64);
const path = process.env['PATH'];

let world: World;
/** What the docker of the world answers from. */
let programs: string;

function say(more: { status?: string; hash?: string } = {}): void {
  const folder = join(world.folder('m1'), 'web');
  const { status = 'running', ...made } = more;
  const labels = {
    name: '/web-main-1',
    project: 'web',
    inner: 'main',
    oneOff: 'False',
    files: `${folder}/compose.yaml`,
  };
  const bindings = { '80/tcp': [{ HostPort: '8080' }] };
  const survey = { ...labels, folder, envFiles: '', hash, stack: '', status, bindings, ...made };
  const look = {
    ...labels,
    image: 'sha256:1',
    fingerprint: '',
    job: '',
    status,
    exitCode: 0,
    oomKilled: false,
    error: '',
    pid: 7,
    startedAt: '2026-01-01T00:00:00Z',
    health: null,
    restarts: 0,
    restart: 'always',
    ports: null,
  };
  writeFileSync(join(programs, 'survey.json'), `${JSON.stringify(survey)}\n`);
  writeFileSync(join(programs, 'look.json'), `${JSON.stringify(look)}\n`);
}

beforeEach(async () => {
  world = await createWorld();
  programs = join(world.folder('m1'), 'bin');
  mkdirSync(join(world.folder('m1'), 'web'), { recursive: true });
  mkdirSync(programs);
  writeFileSync(join(world.folder('m1'), 'web/compose.yaml'), 'services:\n  main: {image: "web:1"}\n');
  const docker = `#!/bin/sh
case "$*" in
  "ps -aq"*) echo c1 ;;
  *inspect*working_dir*) cat ${programs}/survey.json ;;
  *inspect*) cat ${programs}/look.json ;;
  "compose version --short") echo 2.30.0 ;;
  *"config --hash"*) echo "main ${hash}" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`;
  writeFileSync(join(programs, 'docker'), docker);
  chmodSync(join(programs, 'docker'), 0o755);
  process.env['PATH'] = `${programs}:${path}`;
  say();
  await world.push({});
});
afterEach(async () => {
  process.env['PATH'] = path;
  await world.close();
});

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const ask = (more: { only?: string[]; accept?: string[] } = {}): Promise<Adopting> =>
  adopt.run(
    {
      ports: world.ports,
      lists: world.lists,
      settings,
      actor: { name: 'ada', by: 'cli' },
      emit: () => undefined,
      signal: new AbortController().signal,
    },
    { machine: 'm1', ...more },
  );

const head = (...words: readonly string[]): Promise<string> => git(world.bare, 'log', '-1', ...words, 'trunk');
const web = () => ({
  service: 'web',
  what: 'project',
  name: 'web',
  path: join(world.folder('m1'), 'web'),
  entry: { type: 'docker', machine: 'm1', path: join(world.folder('m1'), 'web'), ports: [8080] },
  notes: [],
});

it('shows what it would do, and does nothing', async () => {
  const before = await head('--format=%H');
  world.sent.length = 0;
  const shown = await ask();
  expect(shown).toEqual({ machine: 'm1', things: [web()], refused: expect.any(Array) as unknown });
  expect(adopt.changed?.(shown)).toBe(false);
  expect(world.sent.every(one => /^m1 (probe|other)$/.test(one))).toBe(true);
  expect([await head('--format=%H'), world.journal.entries]).toEqual([before, []]);
  expect(readdirSync(join(world.folder('m1'), 'web'))).toEqual(['compose.yaml']);
});

it('writes a commit and a stamp, and the next pass has nothing to do', async () => {
  const adopting = await ask({ accept: ['web'] });
  const { done } = adopting;
  expect(adopt.changed?.(adopting)).toBe(true);
  expect(done).toMatchObject({ edited: { unchanged: false }, taken: [{ key: 'web@m1' }] });
  expect(done?.taken).toEqual([{ key: 'web@m1' }]);
  expect(await head('--format=%B')).toMatch(/^Adopt web on m1\n\nPortoser-Kind: adopt\nPortoser-Id: /);
  expect(world.readStamp('m1', 'web')).toMatch(/^adopted yes$/m);
  const report = await world.pass();
  expect([outcomesOf(report), report.plan?.waves, report.plan?.leftAlone]).toEqual([[], [], []]);
  expect(readdirSync(join(world.folder('m1'), 'web'))).toEqual(['compose.yaml']);
  expect((await ask()).things).toEqual([]);
});

it('is whole when it is asked again after it broke between commit and stamp', async () => {
  world.before = async (machine, kind) => {
    if (kind === 'batch') world.down.add(machine);
  };
  const { done } = await ask({ accept: ['web'] });
  expect(done).toMatchObject({
    edited: { unchanged: false },
    taken: [{ key: 'web@m1', error: { code: 'ssh-unreachable' } }],
  });
  world.before = async () => undefined;
  world.down.clear();
  expect((await world.pass()).plan?.leftAlone).toMatchObject([{ key: 'web@m1', error: { code: 'stranger' } }]);
  const commit = await head('--format=%H');
  const { entry: _, ...placed } = web();
  expect((await ask()).things).toEqual([placed]);
  expect((await ask({ accept: ['web'] })).done).toEqual({ taken: [{ key: 'web@m1' }] });
  expect(await head('--format=%H')).toBe(commit);
  expect((await world.pass()).plan).toMatchObject({ waves: [], leftAlone: [] });
});

it('takes only what was shown, and only what is named', async () => {
  await expect(ask({ accept: ['web', 'api'] })).rejects.toMatchObject({ code: 'stale-plan' });
  await expect(ask({ only: [] })).rejects.toMatchObject({ code: 'usage' });
  await expect(ask({ only: ['wob'] })).rejects.toMatchObject({ code: 'unknown-name', hint: 'Did you mean `web`?' });
  say({ status: 'exited' });
  const { things, refused } = await ask({ only: ['web'] });
  expect([things, refused]).toEqual([
    [],
    [{ what: 'project', name: 'web', why: 'it is stopped: web-main-1: exited, exit code 0' }],
  ]);
  await expect(ask({ accept: ['web'] })).rejects.toMatchObject({ code: 'stale-plan' });
});

it('says what the next change brings along', async () => {
  say({ hash: 'b'.repeat(64) });
  expect((await ask()).things[0]?.notes).toEqual([expect.stringMatching(/^main was made from other words/)]);
});

it('touches no machine of another repository, and commits nothing for it', async () => {
  const state = join(world.folder('m1'), 'state/portoser/clusters/c');
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'identity'), `${'f'.repeat(40)}\n`);
  const before = await head('--format=%H');
  await expect(ask({ accept: ['web'] })).rejects.toMatchObject({ code: 'machine-claimed' });
  expect(await head('--format=%H')).toBe(before);
});

it('leaves to another cluster what is its own', async () => {
  const stamps = join(world.folder('m1'), 'state/portoser/clusters/other/stamps');
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, 'site'), 'portoser-stamp 1\nservice site\nproject web\nend\n');
  expect((await ask({ only: ['web'] })).refused).toEqual([
    { what: 'project', name: 'web', why: "it is the cluster other's" },
  ]);
});
