// Returned to an earlier deployment: entry, files and modes by a commit on the newest head, then brought by a pass; the rest is named.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { historyRollback, type Rollback } from '../../reconciler/operations/history-rollback.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { commitFiles, git } from '../contracts/git-fixture.js';
import { createWorld, outcomesOf, type World } from '../passes/world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const path = () => join(world.folder('m1'), 'web');

interface Version {
  readonly env: string;
  readonly command?: string;
  readonly level?: string;
  readonly more?: string;
  readonly web?: boolean;
}

const registry = ({ env, command = 'sleep 1000', level = 'info', more = '', web = true }: Version): string => `# Ours.
cluster: c
vars: {LEVEL: ${level}}
policy: {retries: 0}
machines:
  m1: {host: m1.test, user: u, platform: linux}
services:
  # The site.
  ${web ? '' : '# '}web: {type: local, scope: none, machine: m1, source: apps/web, path: ${path()}, command: '${command}', stop_timeout: 1s, health: {type: ${command === 'false' ? 'process' : 'command, command: ["true"]'}, deadline: 5s}, env: {VERSION: ${env}, LEVEL: '{{ LEVEL }}'}}
  other: {type: local, scope: none, machine: m1, path: ${path()}-other, command: sleep 1000, stop_timeout: 1s, health: {type: command, command: ["true"]}}
${more}`;

/** Pushed and applied; answers the commit. */
async function deploy(version: Version, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const commit = await push(version, files);
  await world.pass();
  return commit;
}

async function push(version: Version, files: Readonly<Record<string, string>> = {}): Promise<string> {
  await git(world.clone, 'fetch', '--quiet', 'origin');
  await git(world.clone, 'reset', '--quiet', '--soft', 'origin/trunk');
  const commit = await commitFiles(world.clone, { 'registry.yml': registry(version), ...files });
  await git(world.clone, 'push', '--quiet', 'origin', 'HEAD:trunk');
  return commit;
}

async function newest(key = 'web@m1'): Promise<string> {
  return (await world.store.deployments({ service: key, limit: 1 }))[0]?.id ?? '';
}

async function rollback(id: string, accept?: string): Promise<Rollback> {
  const context = {
    ports: world.ports,
    lists: world.lists,
    actor: { name: 'ada', by: 'cli' },
    emit: () => undefined,
    signal: new AbortController().signal,
  } as unknown as Context;
  return await historyRollback.run(context, { id, ...(accept === undefined ? {} : { accept }) });
}

function version(): string | undefined {
  const record = readFileSync(join(world.folder('m1'), 'state/portoser/clusters/c/supervise/web'), 'utf8');
  const environ = readFileSync(`/proc/${record.trim().split(/\s/)[0]}/environ`, 'utf8');
  return environ.split('\0').find(one => one.startsWith('VERSION='));
}

describe('history rollback', () => {
  it('brings entry, files and modes back as one commit on the newest head, and deploys it', async () => {
    await deploy({ env: '1.10' }, { 'apps/web/page': 'one', 'apps/web/old': 'was here' });
    const first = await newest();
    await git(world.clone, 'rm', '--quiet', 'apps/web/old');
    await deploy({ env: '2', level: 'debug' }, { 'apps/web/page': 'two', 'apps/web/new': 'came later' });
    const second = await newest();
    const shown = await rollback(first);
    expect(shown).toMatchObject({ to: { id: first }, instead: [], alsoChanges: [] });
    expect(shown.sources).toEqual([
      { path: 'apps/web/old', change: 'added' },
      { path: 'apps/web/page', change: 'changed' },
      { path: 'apps/web/new', change: 'removed' },
    ]);
    expect(shown.notRestored).toEqual([
      'env.LEVEL: was info, will be debug (set outside of its entry)',
      `data that web wrote in ${path()}: it stays as it is`,
    ]);
    expect(shown).not.toHaveProperty('edited');
    expect(await world.ports.source.git?.remoteHead()).toBe(await git(world.clone, 'rev-parse', 'HEAD'));

    // Others push meanwhile: what they changed stays.
    const theirs = await push({ env: '2', level: 'debug', more: '# A note.\n' });
    const done = await rollback(first, shown.to.id);
    const head = await git(world.bare, 'log', '-1', '--format=%H %P %an%n%B', 'trunk');
    expect(head).toContain(`${done.edited?.commit} ${theirs} portoser\nReturn web to deployment ${first.slice(0, 12)}`);
    expect(head).toMatch(/Portoser-Kind: rollback\nPortoser-Id: \S+$/);
    const text = await git(world.bare, 'show', 'trunk:registry.yml');
    expect(text).toContain(`LEVEL: '{{ LEVEL }}'`);
    expect(`${text}\n`).toBe(registry({ env: '"1.10"', level: 'debug', more: '# A note.\n' }));
    expect(outcomesOf(done.report ?? (await world.pass()))).toEqual(['web@m1 applied update']);
    expect(version()).toBe('VERSION=1.10');
    expect([shown, done].map(one => historyRollback.changed?.(one))).toEqual([false, true]);
    expect([readFileSync(join(path(), 'page'), 'utf8'), readFileSync(join(path(), 'old'), 'utf8')]).toEqual([
      'one',
      'was here',
    ]);
    expect(existsSync(join(path(), 'new'))).toBe(false);
    const after = await world.pass();
    expect([after.next, after.plan?.waves]).toEqual([{ next: 'settled' }, []]);

    // What git says now, by its own id and by that of the one it came from, is not gone to: the one before is.
    expect(await rollback(await newest())).toMatchObject({
      to: { id: second },
      instead: [expect.stringContaining('is what git says now') as string],
    });
    await expect(rollback(first)).rejects.toMatchObject({ code: 'rollback-nothing' });
  });

  it('goes past what failed, and brings back what was taken out of the registry', async () => {
    await deploy({ env: '1' }, { 'apps/web/page': 'one' });
    const good = await newest();
    await deploy({ env: '2', command: 'false' });
    const bad = await newest();
    const past = await rollback(bad);
    expect(past).toMatchObject({ to: { id: good }, instead: [`${bad.slice(0, 12)} failed`], sources: [] });
    await rollback(bad, good);
    expect(version()).toBe('VERSION=1');
    expect((await world.pass()).plan?.leftAlone).toEqual([]);

    await deploy({ env: '1', web: false });
    const stopped = await newest();
    const back = await rollback(stopped);
    expect(back).toMatchObject({ instead: [`${stopped.slice(0, 12)} took web away`] });
    const done = await rollback(stopped, back.to.id);
    expect(done.report?.outcomes).toMatchObject([{ key: 'web@m1', result: 'applied' }]);
    expect(version()).toBe('VERSION=1');
  });
});
