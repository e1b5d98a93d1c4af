// Passes in a real world: from a push to processes and stamps, and what is left alone, held, skipped or not believed.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { Outcome, Plan } from '../../schema/plan.js';
import { noteAccepted } from '../../reconciler/loop/applied.js';
import { runController } from '../../reconciler/loop/turn.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { sessionOf } from '../../reconciler/loop/session.js';
import { until } from '../commands/batch-machine.js';
import { git } from '../contracts/git-fixture.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

const stamp = (machine: string, service: string) => parseStamp(world.readStamp(machine, service) ?? '');

/** What is on m1 goes on at that point only when the answer is called; the interval is over as soon as m2 is done. */
async function outlasting(held: 'batch' | 'stamps'): Promise<() => void> {
  await world.push(
    { web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } },
    { policy: { interval: '10m' } },
  );
  let go: () => void = () => undefined;
  const open = new Promise<void>(resolve => (go = resolve));
  world.before = async (machine, kind) => {
    if (machine === 'm1' && kind === held) await open;
  };
  const apiIsUp = () => world.told.some(one => one.key === 'api@m2' && one.text === 'healthy');
  world.sleeps = ms => (ms === 600_000 ? until(apiIsUp) : undefined);
  return go;
}

describe('a pass', () => {
  it('makes what git says, and the next one changes and writes nothing', async () => {
    const files = { 'apps/web/my file.txt': 'x', 'apps/web/run.sh': '#!/bin/sh\nexec sleep 1000\n' };
    const commit = await world.push({ web: { machine: 'm1', source: 'apps/web', command: 'sh run.sh' } }, { files });
    const first = await world.pass();
    expect(outcomesOf(first)).toEqual(['web@m1 applied create']);
    expect(first.next).toEqual({ next: 'settled' });
    expect(stamp('m1', 'web')).toMatchObject({ commit, service: 'web', scope: 'none' });
    expect(readFileSync(join(world.folder('m1'), 'web/my file.txt'), 'utf8')).toBe('x');
    expect(world.notes.get('git')).toEqual({ appliedCommit: commit });
    world.sent.length = 0;
    world.writes.length = 0;
    const written = world.journal.entries.length;
    const second = await world.pass();
    expect([second.plan?.waves, second.outcomes, second.findings]).toEqual([[], [], []]);
    expect(world.sent.toSorted()).toEqual(['m1 probe', 'm2 probe']);
    expect([world.writes, world.journal.entries.length]).toEqual([[], written]);
  });

  it('waits for the one that runs in this process, as its lock would not', async () => {
    await world.push({ web: { machine: 'm1' } });
    const [first, second] = await Promise.all([world.pass(), world.pass()]);
    expect(outcomesOf(first)).toEqual(['web@m1 applied create']);
    expect(outcomesOf(second)).toEqual([]);
    expect(world.sent.slice(-2).toSorted()).toEqual(['m1 probe', 'm2 probe']);
  });

  it('stops what left the registry, keeps its files, and brings it back', async () => {
    const web = { machine: 'm1', source: 'apps/web' };
    await world.push({ web, api: { machine: 'm1' } }, { files: { 'apps/web/page': 'x' } });
    await world.pass();
    await world.push({ api: { machine: 'm1' } });
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied stop']);
    expect(stamp('m1', 'web')?.prunedAt).toBeGreaterThan(0);
    expect(existsSync(join(world.folder('m1'), 'web/page'))).toBe(true);
    expect((await world.pass()).plan?.waves).toEqual([]);
    await world.push({ web, api: { machine: 'm1' } });
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect(stamp('m1', 'web')?.prunedAt).toBeUndefined();
  });

  it('does not believe a stop that it could not see, and keeps the stamp', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm1' } });
    await world.pass();
    await world.push({ api: { machine: 'm1' } });
    let stopped = false;
    world.before = async (machine, kind) => {
      if (machine === 'm1' && kind === 'batch') stopped = true;
      if (machine === 'm1' && kind === 'probe' && stopped) throw new AppError('ssh-lost', 'cut');
    };
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 failed ssh-lost']);
    expect(stamp('m1', 'web')?.service).toBe('web');
    world.before = async () => undefined;
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied stop']);
  });

  it('releases the old place of what is called otherwise now, as seen there', async () => {
    await world.push({ web: { machine: 'm1' } });
    await world.pass();
    const old = stamp('m1', 'web')?.path ?? '';
    await world.push({ web: { machine: 'm1', path: join(world.folder('m1'), 'new') } });
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied replace']);
    expect(stamp('m1', 'web')?.path).toBe(join(world.folder('m1'), 'new'));
    expect(existsSync(join(old, '.portoser/run'))).toBe(false);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('goes on with the others when one machine does not answer, and gives it one change when it is back', async () => {
    world.down.add('m2');
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2' } });
    const first = await world.pass();
    expect(outcomesOf(first)).toEqual(['web@m1 applied create']);
    expect(first.findings).toMatchObject([{ kind: 'unreachable', machine: 'm2' }]);
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2', env: { A: '1' } } });
    world.down.clear();
    expect(outcomesOf(await world.pass())).toEqual(['api@m2 applied create']);
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('nothing counts as applied while no machine can be reached: the one that left meanwhile is stopped once it is back', async () => {
    const appliedCommit = await world.push({ web: { machine: 'm1' }, api: { machine: 'm2' } });
    await world.pass();
    const noted = new Map(world.notes);
    world.down.add('m1').add('m2').add('m3');
    const goodCommit = await world.push({ web: { machine: 'm1' } }, { machines: ['m1', 'm3'] });
    const cut = await world.pass();
    expect(cut.findings).toMatchObject([{ kind: 'isolated', code: 'isolated' }]);
    expect(cut.next).toMatchObject({ next: 'again', why: cut.plan?.isolated?.why });
    expect(world.notes).toEqual(noted.set('git', { appliedCommit, goodCommit }));
    world.down.clear();
    expect(outcomesOf(await world.pass())).toEqual(['api@m2 applied stop']);
  });

  it('stops what is ours on a machine that left, and then knows it no more', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2' } });
    await world.pass();
    await world.push({ web: { machine: 'm1' } }, { machines: ['m1'] });
    const report = await world.pass();
    expect(report.plan?.machines).toMatchObject([{ machine: 'm2', state: 'leaving' }]);
    expect(outcomesOf(report)).toEqual(['api@m2 applied stop']);
    expect(world.notes.get('fleet')).toMatchObject({ machines: [{ name: 'm1' }], leaving: [] });
    world.sent.length = 0;
    await world.pass();
    expect(world.sent).toEqual(['m1 probe']);
  });
});

describe('what stands in the way', () => {
  it('a failed service leaves its dependants out, with the reason', async () => {
    const broken = { machine: 'm1', command: 'false', health: { type: 'process' } };
    await world.push({
      db: broken,
      web: { machine: 'm2', path: join(world.folder('m2'), 'web'), depends_on: ['db'] },
      api: { machine: 'm2', path: join(world.folder('m2'), 'api') },
    });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual([
      'api@m2 applied create',
      'db@m1 failed gate-failed',
      'web@m2 skipped db@m1 failed',
    ]);
    expect(report.next.next).toBe('stalled');
    expect(stamp('m1', 'db')?.failed).toMatch(/^[0-9a-f]{64}$/);
    const next = await world.pass();
    expect(next.plan?.leftAlone).toMatchObject([{ key: 'db@m1', state: 'held' }]);
    expect(outcomesOf(next)).toEqual([expect.stringMatching(/^web@m2 skipped db@m1 is not healthy/)]);
  });

  it('a machine whose folder is locked by another controller is left to it, and taken when the lock is old', async () => {
    await world.push({ web: { machine: 'm1' } });
    const state = join(world.folder('m1'), 'state/portoser/clusters/c');
    mkdirSync(state, { recursive: true });
    const now = Math.floor(Date.now() / 1000);
    touch(join(state, 'lock'), `other 1:1 ${now} 7\n`);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 failed machine-lock']);
    touch(join(state, 'lock'), `other 1:1 ${now - 61} 7\n`);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
    expect(existsSync(join(state, 'lock'))).toBe(false);
  });

  it('a controller that finds a machine locked counts no failure, notes none, and looks again soon', async () => {
    await world.push({ web: { machine: 'm1' } });
    const state = join(world.folder('m1'), 'state/portoser/clusters/c');
    mkdirSync(state, { recursive: true });
    touch(join(state, 'lock'), `other 1:1 ${Math.floor(Date.now() / 1000)} 7\n`);
    const why = expect.stringMatching(/^m1 is locked by controller other for \d+ s$/);
    for (const report of [await world.pass({ toTheEnd: false }), await world.pass({ toTheEnd: false })]) {
      expect(report.outcomes).toEqual([{ key: 'web@m1', result: 'skipped', why }]);
      expect(report.next).toEqual({ next: 'again', afterMs: 5000, why });
    }
    expect(world.store.records.filter(one => one.kind === 'run')).toEqual([]);
    rmSync(join(state, 'lock'));
    expect(outcomesOf(await world.pass({ toTheEnd: false }))).toEqual(['web@m1 applied create']);
  });

  it('steps that another controller runs there are left alone, and looked at again soon', async () => {
    await world.push({ web: { machine: 'm1' } });
    await world.pass();
    const open = join(world.folder('m1'), 'state/portoser/clusters/c/steps/other/open');
    mkdirSync(join(open, '..'), { recursive: true });
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    touch(open, `${process.pid} ${bootId}\n`);
    await world.push({ web: { machine: 'm1', env: { NEW: '1' } } });
    const report = await world.pass();
    expect([report.outcomes, report.plan?.waves]).toEqual([[], []]);
    expect(report.next).toEqual({ next: 'again', afterMs: 5000, why: 'a change is running on m1' });
    rmSync(open);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
  });

  it('a lock of a process of this controller that is gone is taken over at once', async () => {
    await world.push({ web: { machine: 'm1' } });
    const state = join(world.folder('m1'), 'state/portoser/clusters/c');
    mkdirSync(state, { recursive: true });
    touch(join(state, 'lock'), `c0ffee 999999:1 ${Math.floor(Date.now() / 1000)} 7\n`);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied create']);
  });

  it('a newer commit leaves to the next pass what has not begun', async () => {
    await world.push({ db: { machine: 'm1' }, web: { machine: 'm1', depends_on: ['db'] } });
    let newer = false;
    world.before = async (_, kind) => {
      if (kind === 'batch') newer = true;
    };
    const report = await world.pass({ superseded: () => newer });
    expect(outcomesOf(report)).toEqual([
      'db@m1 applied create',
      'web@m1 skipped a newer commit came; the next pass looks again',
    ]);
  });

  it('with one worker, a newer commit stops also what only waited for it', async () => {
    await world.push(
      { web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } },
      { policy: { parallel: 1 } },
    );
    let batches = 0;
    world.before = async (_, kind) => {
      if (kind === 'batch') batches += 1;
    };
    const report = await world.pass({ superseded: () => batches > 0 });
    expect(report.outcomes.map(one => one.result).toSorted()).toEqual(['applied', 'skipped']);
  });

  it('a newer commit is heeded as well by what outlasts its pass, also when the next pass has begun with that commit', async () => {
    const services = (version: string) => ({
      web: { machine: 'm1', env: { VERSION: version } },
      api: {
        machine: 'm2',
        path: join(world.folder('m2'), 'api'),
        env: { VERSION: version },
        depends_on: ['web'],
      },
    });
    const policy = { interval: '10m' };
    await world.push(services('1'), { policy });
    let go: () => void = () => undefined;
    const open = new Promise<void>(resolve => (go = resolve));
    world.before = async (machine, kind) => {
      if (machine === 'm1' && kind === 'batch') await open;
    };
    // The first pass is over as soon as its first change has begun.
    let over = false;
    world.sleeps = ms => {
      if (ms !== 600_000 || over) return undefined;
      over = true;
      return until(() => world.sent.includes('m1 batch'));
    };
    const begun: (string | undefined)[] = [];
    world.after = async (machine, kind) => {
      if (machine === 'm2' && kind === 'batch') begun.push(stamp('m2', 'api')?.commit);
    };
    const end = new AbortController();
    const commits: (string | undefined)[] = [];
    const context = { ports: world.ports, lists: world.lists, emit: () => undefined, signal: end.signal };
    const running = runController(context, { onPass: report => void commits.push(report.commit) });
    await until(() => commits.length > 0);
    const newer = await world.push(services('2'), { policy });
    await until(() => commits.includes(newer));
    go();
    await until(() => begun.length > 0);
    end.abort();
    await running;
    expect(begun).toEqual([newer]);
  });

  it('a change that outlasts the interval goes on alone; its machine is left out until it ends', async () => {
    const go = await outlasting('batch');
    const late: string[] = [];
    const onEndedLate = ({ key, result }: Outcome, plan: Plan) =>
      late.push([key, result, 'of', ...plan.waves.flat().map(change => change.key)].join(' '));
    const first = await world.pass({ toTheEnd: false, onEndedLate });
    expect(outcomesOf(first)).toEqual([
      'api@m2 applied create',
      'web@m1 in-progress it goes on; m1 is left out until it ends',
    ]);
    const second = await world.pass({ toTheEnd: false });
    expect(second.plan?.machines).toMatchObject([{ machine: 'm1', state: 'in-progress' }]);
    expect(second.outcomes).toEqual([]);
    const running = sessionOf(world.ports).busy.get('m1');
    go();
    await running;
    await until(() => late.length > 0);
    expect(late).toEqual(['web@m1 applied of api@m2 web@m1']);
    expect(stamp('m1', 'web')?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect((await world.pass()).plan?.waves).toEqual([]);
    // History has one run, whose open deployment has come to its end.
    const kinds = world.store.records.map(one => one.kind).filter(kind => kind !== 'write');
    expect(kinds).toEqual(['run', 'ended']);
    const [web] = await world.store.deployments({ service: 'web', limit: 9 });
    expect(web).toMatchObject({ runId: first.id, result: 'applied', kind: 'create' });
  });

  it('a change goes on alone as well when the pass is told to hurry', async () => {
    const go = await outlasting('batch');
    world.sleeps = () => undefined;
    const hurry = new AbortController();
    const passing = world.pass({ toTheEnd: false, hurry: hurry.signal });
    await until(() => world.told.some(one => one.key === 'api@m2' && one.text === 'healthy'));
    hurry.abort();
    expect(outcomesOf(await passing)[1]).toMatch(/^web@m1 in-progress/);
    const running = sessionOf(world.ports).busy.get('m1');
    go();
    await running;
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('a change that ends while the next pass looks is not taken for one that was left half done', async () => {
    const go = await outlasting('stamps');
    expect(outcomesOf(await world.pass({ toTheEnd: false }))[1]).toMatch(/^web@m1 in-progress/);
    const running = sessionOf(world.ports).busy.get('m1');
    await until(() => world.sent.includes('m1 stamps'));
    // The machine has answered what it saw; then its change comes to its end, and only then the pass thinks.
    world.after = async (machine, kind) => {
      if (machine !== 'm1' || kind !== 'probe') return;
      go();
      await running;
    };
    const second = await world.pass({ toTheEnd: false });
    expect([second.plan?.waves, second.outcomes]).toEqual([[], []]);
    expect(second.plan?.machines).toMatchObject([{ machine: 'm1', state: 'in-progress' }]);
    world.after = async () => undefined;
    const third = await world.pass({ toTheEnd: false });
    expect([third.plan?.waves, third.next]).toEqual([[], { next: 'settled' }]);
  });

  it('a fault of our own on one machine is a failure there, not the end of the pass', async () => {
    await world.push({ web: { machine: 'm1' }, api: { machine: 'm2', path: join(world.folder('m2'), 'api') } });
    world.before = async (machine, kind) => {
      if (machine === 'm1' && kind === 'batch') throw new TypeError('a bug');
    };
    expect(outcomesOf(await world.pass())).toEqual(['api@m2 applied create', 'web@m1 failed internal']);
    expect(world.log.lines.filter(one => one.level === 'error').map(one => one.message)).toEqual(['batch broke']);
  });

  it('a removal of most of the cluster waits until a person approves just this plan', async () => {
    const services = Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [name, { machine: 'm1' }]));
    await world.push(services);
    await world.pass();
    await world.push({ a: { machine: 'm1' } });
    const held = await world.pass();
    expect([held.plan?.held?.why, held.outcomes, held.next.next]).toEqual([
      'it would remove 3 of 4 placements (75 %, policy.max_removals is 30 %)',
      [],
      'stalled',
    ]);
    const done = await world.pass({ approved: held.plan?.id ?? '' });
    expect(outcomesOf(done)).toEqual(['b@m1 applied stop', 'c@m1 applied stop', 'd@m1 applied stop']);
  });

  it('a rewritten branch is held, also when the note of what was applied is lost, until a person accepts it', async () => {
    const first = await world.push({ web: { machine: 'm1' } });
    await world.push({ web: { machine: 'm1', env: { A: '1' } } });
    await world.pass();
    await git(world.clone, 'reset', '--quiet', '--hard', first);
    const head = await world.push({ web: { machine: 'm1', env: { A: '2' } } });
    const held = await world.pass();
    expect([held.next.next, held.outcomes, held.findings[0]?.kind]).toEqual(['stalled', [], 'git']);
    world.notes.delete('git');
    const lost = await world.pass();
    expect(lost.plan?.held?.why).toContain(`portoser git accept ${head.slice(0, 12)}`);
    expect(lost.outcomes).toEqual([]);
    await noteAccepted(world.ports.state, head);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect(world.notes.get('git')).toEqual({ appliedCommit: head });
  });

  it('a head that a person accepts while a pass goes on is accepted for the next one', async () => {
    const commit = await world.push({ web: { machine: 'm1' } });
    const rewritten = 'f'.repeat(40);
    world.before = async (_, kind) => {
      if (kind === 'batch') await noteAccepted(world.ports.state, rewritten);
    };
    await world.pass();
    expect(world.notes.get('git')).toEqual({ appliedCommit: commit, acceptedCommit: rewritten });
  });
});
