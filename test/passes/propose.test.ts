// `policy.write: pull-request`: what people edit goes as a branch with a pull request, and the branch that is followed stays as it is.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readApprovals } from '../../reconciler/loop/approvals.js';
import { machineUpdate } from '../../reconciler/operations/machine-update.js';
import { serviceRemove } from '../../reconciler/operations/service-remove.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { AppError } from '../../schema/errors.js';
import { git } from '../contracts/git-fixture.js';
import { createFakeForge, type FakeForge } from '../fakes/forge.js';
import { createWorld, type World } from './world.js';

let world: World;
let forge: FakeForge;
beforeEach(async () => {
  world = await createWorld();
  forge = createFakeForge();
  await world.push({ web: { machine: 'm1' } }, { policy: { write: 'pull-request' } });
});
afterEach(() => world.close());

const context = (more: object = { forge }) =>
  ({
    ports: { ...world.ports, ...more },
    lists: world.lists,
    settings: {},
    actor: { name: 'ada', by: 'cli' },
    emit: () => undefined,
    signal: new AbortController().signal,
  }) as unknown as Context;
const branches = async () => (await git(world.bare, 'branch', '--list', '--format=%(refname:short)')).split('\n');

it('an edit is a branch on the newest head, and a pull request', async () => {
  const before = await git(world.bare, 'rev-parse', 'trunk');
  const edited = await machineUpdate.run(context(), { name: 'm1', host: 'new.test' });
  expect(edited.pull).toEqual({ number: 1, url: 'https://forge.example/pulls/1' });
  const [{ branch, base, title } = { branch: '', base: '', title: '' }] = forge.opened;
  expect([base, title]).toEqual(['trunk', 'Change machine m1']);
  expect(branch).toMatch(/^portoser\/machine-update-[0-9a-f]{10}$/);
  expect(await git(world.bare, 'rev-parse', branch)).toBe(edited.commit);
  expect(await git(world.bare, 'rev-parse', `${branch}^`)).toBe(before);
  expect(await git(world.bare, 'show', `${branch}:registry.yml`)).toContain('new.test');
  expect(await git(world.bare, 'rev-parse', 'trunk')).toBe(before);
  expect(await git(world.bare, 'log', '-1', '--format=%an %b', branch)).toMatch(
    /^portoser Portoser-Kind: machine\.update/,
  );
});

it('an edit that changes nothing opens nothing', async () => {
  const edited = await machineUpdate.run(context(), { name: 'm1', host: 'm1.test' });
  expect(edited).toMatchObject({ unchanged: true });
  expect([forge.opened, await branches()]).toEqual([[], ['trunk']]);
});

it('a removal that is proposed is approved by nobody yet', async () => {
  expect((await serviceRemove.run(context(), { name: 'web' })).pull?.number).toBe(1);
  expect(await readApprovals(world.ports.state)).toEqual({});
});

it('nothing is pushed where nobody could open one', async () => {
  await expect(machineUpdate.run(context({}), { name: 'm1', host: 'new.test' })).rejects.toMatchObject({
    code: 'forge-none',
  });
  expect(await branches()).toEqual(['trunk']);
});

it('a forge that refuses is told with the branch that waits for it', async () => {
  forge.fault = new AppError('forge-refused', 'the token may not');
  await expect(machineUpdate.run(context(), { name: 'm1', host: 'new.test' })).rejects.toMatchObject({
    code: 'forge-refused',
    message: expect.stringMatching(/^the branch portoser\/machine-update-[0-9a-f]{10} is pushed/) as string,
  });
});
