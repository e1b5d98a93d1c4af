// A plain move, of what keeps no data: the new one starts and is healthy before the old one stops; where it is not, the old one stays.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../../schema/plan.js';
import { report } from '../../reconciler/core/machines.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { holderOf } from '../../reconciler/loop/apply.js';
import type { BatchRun } from '../../reconciler/loop/batch-run.js';
import { preview } from '../../reconciler/loop/preview.js';
import { withdrawIll } from '../../reconciler/loop/withdraw.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const stamp = (machine: string) => parseStamp(world.readStamp(machine, 'web') ?? '');

/** The process that a machine keeps for it, while it lives. */
function livingPid(machine: string): number | undefined {
  const record = join(world.folder(machine), 'state/portoser/clusters/c/supervise/web');
  const pid = existsSync(record) ? Number(readFileSync(record, 'utf8').split(' ')[0]) : undefined;
  const stat = `/proc/${pid}/stat`;
  return pid !== undefined && existsSync(stat) && !readFileSync(stat, 'utf8').includes(') Z') ? pid : undefined;
}

/** Machines of this world share one file system, so each has a path of its own. */
const on = (machine: string, more: object = {}) => ({
  web: { machine, path: join(world.folder(machine), 'web'), ...more },
});
const healthBy = (file: string, deadline: string) => ({
  health: { type: 'command', command: ['test', '-e', file], deadline },
});

async function settledOnFirst(): Promise<number | undefined> {
  await world.push(on('m1'));
  expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  world.sent.length = 0;
  return livingPid('m1');
}

describe('a move of what keeps no data', () => {
  it('of many, that a newer commit overtakes between starts and stops, goes on by itself', async () => {
    const all = (machine: string, more: object = {}) =>
      Object.fromEntries(
        ['a', 'b', 'c', 'd'].map(name => [name, { machine, path: join(world.folder(machine), name), ...more }]),
      );
    await world.push(all('m1'));
    await world.pass();
    await world.push(all('m2'));
    world.sent.length = 0;
    const half = outcomesOf(await world.pass({ superseded: () => world.sent.includes('m2 batch') }));
    expect(half.filter(line => line.includes('@m2'))).toEqual(['a', 'b', 'c', 'd'].map(n => `${n}@m2 applied create`));
    expect(half.filter(line => line.includes('@m1') && line.includes('applied'))).toEqual([]);
    await world.push(all('m2', { description: 'x' }));
    const rest = await world.pass();
    expect(rest.plan?.held).toBeUndefined();
    expect(outcomesOf(rest)).toEqual(['a', 'b', 'c', 'd'].map(name => `${name}@m1 applied stop`));
  });

  it('leaves the old one running until the new one is healthy, then stops it and notes that', async () => {
    const old = await settledOnFirst();
    expect(old).toBeGreaterThan(0);
    const healthy = join(world.folder('m2'), 'healthy');
    const commit = await world.push(on('m2', healthBy(healthy, '60s')));
    const moving = world.pass();
    // Its gate asks: it was started, and is not healthy yet.
    await until(() => world.sent.some((line, at) => line === 'm2 other' && world.sent.indexOf('m2 batch') < at));
    expect([livingPid('m1'), livingPid('m2') === undefined]).toEqual([old, false]);
    expect(world.sent).not.toContain('m1 batch');
    expect([stamp('m1')?.prunedAt, stamp('m1')?.fingerprint === undefined]).toEqual([undefined, false]);
    touch(healthy);
    expect(outcomesOf(await moving)).toEqual(['web@m1 applied stop', 'web@m2 applied create']);
    expect([livingPid('m1'), livingPid('m2') === undefined]).toEqual([undefined, false]);
    expect(world.sent.indexOf('m1 batch')).toBeGreaterThan(world.sent.indexOf('m2 batch'));
    expect(stamp('m1')?.prunedAt).toBeGreaterThan(0);
    expect(stamp('m2')).toMatchObject({ commit, service: 'web' });
    expect(stamp('m2')?.fingerprint).toBeDefined();
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('that fails at its gate stops the new one, and the old one stays as it was', async () => {
    const old = await settledOnFirst();
    const before = world.readStamp('m1', 'web');
    const first = stamp('m1')?.commit;
    await world.push(on('m2', healthBy(join(world.folder('m2'), 'never'), '1s')));
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['web@m1 skipped web@m2 failed', 'web@m2 failed gate-failed']);
    expect(report.outcomes.find(one => one.key === 'web@m2')).toMatchObject({
      undone: { result: 'back', commit: first },
    });
    const left = () => [livingPid('m1'), livingPid('m2'), world.readStamp('m1', 'web')];
    expect(left()).toEqual([old, undefined, before]);
    // Held now: no later pass stops what serves, or starts what failed.
    expect(outcomesOf(await world.pass())).toEqual([]);
    expect(left()).toEqual([old, undefined, before]);
    const commit = await world.push(on('m2', { env: { CORRECTED: 'yes' } }));
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied stop', 'web@m2 applied update']);
    expect(stamp('m2')).toMatchObject({ commit });
    expect([livingPid('m1'), livingPid('m2') === undefined]).toEqual([undefined, false]);
  });

  it('that is left half done after it failed is brought to its end by the next pass', async () => {
    const old = await settledOnFirst();
    const before = world.readStamp('m1', 'web');
    const never = healthBy(join(world.folder('m2'), 'never'), '1s');
    const app = { machine: 'm2', path: join(world.folder('m2'), 'app'), depends_on: ['web'] };
    await world.push({ ...on('m2', never), app });
    // What is said of the stop is lost, after that was made.
    world.after = async (machine, kind) => {
      if (machine === 'm2' && kind === 'stamps' && stamp('m2')?.failed !== undefined) world.down.add('m2');
    };
    expect(outcomesOf(await world.pass())).toContain('web@m2 failed gate-failed');
    expect([livingPid('m1'), livingPid('m2') === undefined]).toEqual([old, false]);
    world.after = async () => undefined;
    world.down.clear();
    const next = await world.pass();
    expect(outcomesOf(next)).toEqual(['app@m2 skipped web@m2 is stopped: it failed', 'web@m2 applied stop']);
    expect([livingPid('m1'), livingPid('m2'), world.readStamp('m1', 'web')]).toEqual([old, undefined, before]);
    expect(stamp('m2')?.prunedAt).toBeGreaterThan(0);
    const told = await world.store.deployments({ limit: 9 });
    expect(told.find(one => one.runId === next.id && one.key === 'web@m2')).toMatchObject({
      kind: 'stop',
      result: 'applied',
      because: 'it did not become healthy here, and runs on m1 still',
    });
    expect((await world.pass()).plan?.waves.flat().map(one => one.key)).toEqual(['app@m2']);
  });

  it('says nothing more of what went back already on the machine where it goes', async () => {
    await world.push({ web: { machine: 'm2' } });
    const { ports, lists } = world;
    const { desired, live, leaving } = await preview(ports, lists, { from: 'commit' });
    const machine = desired?.machines.find(one => one.name === 'm2');
    if (desired === undefined || live === undefined || machine === undefined) throw new TypeError('nothing to go by');
    const part = { service: 'web', fields: [], because: '', basis: '' };
    const arriving: Change = { ...part, key: 'web@m2', machine: 'm2', kind: 'update', reason: 'changed', after: [] };
    const left: Change = { ...part, key: 'web@m1', machine: 'm1', kind: 'stop', reason: 'moved', after: ['web@m2'] };
    const undone = { result: 'back', commit: 'a'.repeat(40) } as const;
    const failed = { key: 'web@m2', result: 'failed', error: report('gate-failed', 'ill'), undone } as const;
    const rest = { files: {} as BatchRun['files'], olderFiles: new Map(), holder: await holderOf(ports) };
    const { signal } = new AbortController();
    const run = {
      ports,
      lists,
      desired,
      live,
      leaving: leaving ?? [],
      signal,
      ...rest,
      machine,
      told: () => undefined,
    };
    world.down.add('m2');
    expect(await withdrawIll(run, [arriving], [failed], [arriving, left])).toEqual([failed]);
  });

  it('leaves the new one where it failed, too, when policy says so', async () => {
    const old = await settledOnFirst();
    const health = healthBy(join(world.folder('m2'), 'never'), '1s');
    await world.push(on('m2', { ...health, policy: { on_failure: 'stop' } }));
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 skipped web@m2 failed', 'web@m2 failed gate-failed']);
    expect([livingPid('m1'), livingPid('m2') === undefined]).toEqual([old, false]);
  });
});
