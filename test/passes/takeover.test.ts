// `policy.drift: adopt`: what was edited on machines becomes a commit, and the next pass finds nothing to revert.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { createFakeForge } from '../fakes/forge.js';
import { createWorld, outcomesOf, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const files = { 'apps/web/page': 'from git', 'apps/web/run.sh': 'exec sleep 1000' };
/** Every byte there is, and no valid text. */
const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
const there = (path: string, machine = 'm1') => join(world.folder(machine), 'web', path);

async function settled(more: object = {}, policy: object = {}): Promise<void> {
  const web = { machine: 'm1', source: 'apps/web', command: 'sh run.sh', ...more };
  await world.push({ web: { ...web, policy: { drift: 'adopt' } } }, { files, policy });
  await world.pass();
  expect((await world.pass()).next).toEqual({ next: 'settled' });
}

const head = async (path: string) => {
  await git(world.clone, 'pull', '--quiet', '--rebase', 'origin', 'trunk');
  return readFileSync(join(world.clone, path));
};

it('an edited file is committed byte by byte, as it is, and is then what git says', async () => {
  await settled();
  writeFileSync(there('page'), bytes);
  const taking = await world.pass();
  expect(taking.outcomes).toEqual([]);
  expect(taking.plan?.leftAlone).toMatchObject([
    { state: 'drifted', why: expect.stringContaining('policy.drift takes it over into git') as string },
  ]);
  expect(taking.next).toMatchObject({ next: 'again' });
  expect(await head('apps/web/page')).toEqual(bytes);
  const message = await git(world.clone, 'log', '-1', '--format=%an %B');
  expect(message).toMatch(/^portoser Take over apps\/web\/page as edited on m1\n\nPortoser-Kind: drift\.adopt\n/);
  expect(world.told.filter(one => one.kind === 'note').map(one => one.text)).toContainEqual(
    expect.stringMatching(/^Take over apps\/web\/page as edited on m1: commit [0-9a-f]{12}$/),
  );
  expect(world.journal.entries.filter(one => one.to === 'git')).toMatchObject([{ what: 'drift.adopt' }]);
  expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
  expect(readFileSync(there('page'))).toEqual(bytes);
  expect((await world.pass()).next).toEqual({ next: 'settled' });
});

it('nothing is committed where git changed the file meanwhile: git wins', async () => {
  await settled();
  writeFileSync(there('page'), 'by hand');
  let pushed = false;
  world.before = async (_, kind) => {
    if (kind !== 'other' || pushed) return;
    pushed = true;
    await commitFiles(world.clone, { 'apps/web/page': 'newer' });
    await git(world.clone, 'push', '--quiet', 'origin', 'HEAD:trunk');
  };
  expect((await world.pass()).findings).toEqual([]);
  expect(pushed).toBe(true);
  expect(String(await head('apps/web/page'))).toBe('newer');
  expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
  expect(readFileSync(there('page'), 'utf8')).toBe('newer');
});

it('a file that is edited in different ways stays as it is at both places, and is told', async () => {
  const policy = { drift: 'adopt' };
  const web = { machine: 'm1', source: 'apps/web', command: 'sh run.sh', policy };
  await world.push({ web, other: { ...web, machine: 'm2', path: join(world.folder('m2'), 'other') } }, { files });
  await world.pass();
  writeFileSync(there('page'), 'by hand');
  writeFileSync(join(world.folder('m2'), 'other/page'), 'by another hand');
  expect((await world.pass()).findings.map(one => one.message)).toEqual([
    expect.stringContaining('is not taken over into git: web@m1 has it edited in another way') as string,
    expect.stringContaining('is not taken over into git: other@m2 has it edited in another way') as string,
  ]);
  expect(String(await head('apps/web/page'))).toBe('from git');
  writeFileSync(there('page'), 'by another hand');
  expect((await world.pass()).findings).toEqual([]);
  expect(String(await head('apps/web/page'))).toBe('by another hand');
});

it('what git cannot keep is left so', async () => {
  await settled();
  rmSync(there('page'));
  const report = await world.pass();
  expect(report.plan?.leftAlone).toMatchObject([
    { state: 'drifted', why: expect.stringContaining('it is left so: only edited files of `source`') as string },
  ]);
  expect(report.next).toMatchObject({ next: 'stalled' });
});

it('where edits are not pushed, it is told and stays as it is', async () => {
  await settled({}, { write: 'never' });
  writeFileSync(there('page'), 'by hand');
  expect((await world.pass()).findings).toMatchObject([
    { key: 'web@m1', kind: 'git', message: expect.stringContaining('policy.write is never') as string },
  ]);
  expect(String(await head('apps/web/page'))).toBe('from git');
  expect(readFileSync(there('page'), 'utf8')).toBe('by hand');
});

it('a file of the registry is never taken from a machine', async () => {
  await settled({ source: '.', command: 'sh apps/web/run.sh' });
  writeFileSync(there('registry.yml'), 'cluster: mine');
  writeFileSync(there('apps/web/page'), 'by hand');
  const report = await world.pass();
  expect(report.findings).toMatchObject([
    { message: `${there('registry.yml')} is not taken over into git: it is a file of the registry` },
  ]);
  expect(String(await head('apps/web/page'))).toBe('by hand');
  expect(String(await head('registry.yml'))).toContain('"cluster":"c"');
});

it('nothing is taken over where a person approves changes', async () => {
  await settled();
  writeFileSync(there('page'), 'by hand');
  await world.push(
    { web: { machine: 'm1', source: 'apps/web', command: 'sh run.sh', policy: { drift: 'adopt', apply: 'approve' } } },
    { files },
  );
  expect((await world.pass()).plan?.leftAlone).toMatchObject([
    { why: expect.stringContaining('under `policy.apply: auto`') as string },
  ]);
  expect(String(await head('apps/web/page'))).toBe('from git');
});

it('policy.write: pull-request proposes it once, and again when it is edited once more', async () => {
  const forge = createFakeForge();
  Object.assign(world.ports, { forge });
  await settled({}, { write: 'pull-request' });
  writeFileSync(there('page'), 'by hand');
  const first = await world.pass();
  expect(first.findings).toEqual([]);
  await world.pass();
  expect(forge.opened).toMatchObject([
    {
      base: 'trunk',
      title: 'Take over apps/web/page as edited on m1',
      branch: expect.stringMatching(/^portoser\/drift-adopt-[0-9a-f]{10}$/),
    },
  ]);
  const branch = forge.opened[0]?.branch ?? '';
  expect(await git(world.bare, 'show', `${branch}:apps/web/page`)).toBe('by hand');
  expect(String(await head('apps/web/page'))).toBe('from git');
  expect(readFileSync(there('page'), 'utf8')).toBe('by hand');
  writeFileSync(there('page'), 'by hand again');
  await world.pass();
  expect(forge.opened).toHaveLength(2);
});

it('a forge that is away loses no proposal, and gets it once', async () => {
  const forge = createFakeForge();
  Object.assign(world.ports, { forge });
  await settled({}, { write: 'pull-request' });
  writeFileSync(there('page'), 'by hand');
  forge.fault = new AppError('forge-unreachable', 'it is away');
  expect((await world.pass()).findings).toMatchObject([{ code: 'forge-unreachable' }]);
  forge.fault = undefined;
  expect((await world.pass()).findings).toEqual([]);
  await world.pass();
  expect(forge.opened).toHaveLength(1);
  expect((await git(world.bare, 'branch', '--list', 'portoser/*')).split('\n')).toHaveLength(1);
});
