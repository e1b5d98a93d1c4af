// `policy.write: pull-request`: what people edit goes as a branch with a pull request, and the branch that is followed stays as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { historyRollback as rollbackCommand } from '../../api/cli/commands/history-rollback.js';
import { readApprovals } from '../../reconciler/loop/approvals.js';
import { historyRollback } from '../../reconciler/operations/history-rollback.js';
import { machineUpdate } from '../../reconciler/operations/machine-update.js';
import { serviceRemove } from '../../reconciler/operations/service-remove.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { AppError } from '../../schema/errors.js';
import { git } from '../contracts/git-fixture.js';
import { createFakeForge, type FakeForge } from '../fakes/forge.js';
import { createWorld, outcomesOf, type World } from './world.js';

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

describe('a rollback by hand', () => {
  /** The command as a person runs it at a terminal, with the real operation behind it. */
  async function rollBack(id: string, says: boolean) {
    const heard = { out: '', err: '', asked: [] as string[] };
    const call = {
      words: [id],
      values: {},
      json: false,
      signal: new AbortController().signal,
      terminal: {
        out: (text: string) => void (heard.out += text),
        err: (text: string) => void (heard.err += text),
        canAsk: true,
        colours: false,
        ask: async (question: string) => heard.asked.push(question) > 0 && says,
      },
      perform: async (_: string, input: { readonly id: string; readonly accept?: string }) =>
        await historyRollback.run(context(), input),
    } as unknown as Parameters<typeof rollbackCommand.run>[0];
    return { code: await rollbackCommand.run(call), ...heard };
  }

  const web = (level: string) => ({ web: { machine: 'm1', env: { LEVEL: level } } });
  const policy = { write: 'pull-request' };

  async function deploy(level: string, page: string): Promise<string> {
    const source = { ...web(level).web, source: 'apps/web' };
    await world.push({ web: source }, { policy, files: { 'apps/web/page': page } });
    await world.pass();
    return (await world.store.deployments({ service: 'web@m1', limit: 1 }))[0]?.id ?? '';
  }

  const runs = () => world.store.records.filter(one => one.kind === 'run');

  it('is a pull request with entry and files, and deploys nothing', async () => {
    const first = await deploy('info', 'one');
    await deploy('debug', 'two');
    const before = await git(world.bare, 'rev-parse', 'trunk');
    const [stamp, done] = [world.readStamp('m1', 'web'), runs().length];
    world.sent.length = 0;

    const no = await rollBack(first, false);
    expect([no.code, no.out, forge.opened, await branches()]).toEqual([1, 'Nothing was changed.', [], ['trunk']]);

    const yes = await rollBack(first, true);
    expect(yes).toMatchObject({ code: 0, asked: ['Return web to it?'] });
    expect(yes.err).toContain(`web returns to deployment ${first.slice(0, 12)}`);
    expect(yes.out).toBe(
      'Proposed as pull request 1: https://forge.example/pulls/1\nNothing is changed before it is merged: then the next pass brings it.',
    );

    const [{ branch, base, title, body } = { branch: '', base: '', title: '', body: '' }, ...others] = forge.opened;
    expect([base, others]).toEqual(['trunk', []]);
    expect(title).toMatch(new RegExp(`^Return web to deployment ${first.slice(0, 12)} \\(commit [0-9a-f]{12}\\)$`));
    expect(body).toContain('`rollback`');
    expect(branch).toMatch(/^portoser\/rollback-[0-9a-f]{10}$/);
    expect((await branches()).toSorted()).toEqual([branch, 'trunk']);
    expect(await git(world.bare, 'rev-parse', `${branch}^`)).toBe(before);
    expect(await git(world.bare, 'show', `${branch}:registry.yml`)).toMatch(/"LEVEL":\s*"?info"?/);
    expect(await git(world.bare, 'show', `${branch}:apps/web/page`)).toBe('one');
    expect(await git(world.bare, 'log', '-1', '--format=%b', branch)).toMatch(/^Portoser-Kind: rollback$/m);

    expect(await git(world.bare, 'rev-parse', 'trunk')).toBe(before);
    expect(world.sent).toEqual([]);
    expect([world.readStamp('m1', 'web'), runs().length]).toEqual([stamp, done]);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('is brought by the pass after the merge', async () => {
    const first = await deploy('info', 'one');
    await deploy('debug', 'two');
    await rollBack(first, true);
    await git(world.bare, 'update-ref', 'refs/heads/trunk', forge.opened[0]?.branch ?? '');
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect(readFileSync(join(world.folder('m1'), 'web', 'page'), 'utf8')).toBe('one');
  });
});
