// What became unhealthy at its gate: back to the last healthy revision, and no second try until git or a person says so.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { Progress } from '../../reconciler/operations/operation.js';
import type { Faults, Soak } from '../../reconciler/loop/soak.js';
import { preview } from '../../reconciler/loop/preview.js';
import { clearFailed } from '../../reconciler/loop/clear.js';
import { runController } from '../../reconciler/loop/turn.js';
import { sync } from '../../reconciler/loop/sync.js';
import { parseStamp, stampText } from '../../reconciler/core/ownership.js';
import { until } from '../commands/batch-machine.js';
import { createWorld, outcomesOf, touch, type World } from '../passes/world.js';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

/** Every look at its health leaves a line here. */
const looks = () => join(world.clone, 'looks');
const looked = (): number => (existsSync(looks()) ? readFileSync(looks(), 'utf8').length : 0);

const healthOf = (asked: string) => ({
  type: 'command',
  command: ['sh', '-c', `printf x >>${looks()}; ${asked}`],
  deadline: '10s',
  interval: '100ms',
});

/** Healthy as long as its file says `good`. */
const web = (more: object = {}) => ({
  machine: 'm1',
  source: 'apps/web',
  health: healthOf('grep -q good state'),
  ...more,
});

/** The next deadlines are over as soon as a look has been answered; nobody waits for them in vain. */
function hurry(deadlines = 1): void {
  let left = deadlines;
  world.sleeps = ms => {
    if (left === 0 || ms < 5000 || ms > 11_000) return undefined;
    left -= 1;
    const before = looked();
    return until(() => looked() >= before + 2);
  };
}

async function push(state: string, version: string, policy: object = {}): Promise<string> {
  if (state === 'bad') hurry();
  return await world.push({ web: web({ env: { VERSION: version } }) }, { files: { 'apps/web/state': state }, policy });
}

const stateFile = () => join(world.folder('m1'), 'web/state');
const stamp = () => {
  const read = parseStamp(world.readStamp('m1', 'web') ?? '');
  if (read === undefined) throw new Error('no stamp');
  return read;
};
const statePath = (name: string) => join(world.folder('m1'), 'state/portoser/clusters/c', name);
const stampPath = () => statePath('stamps/web');

/** What the process that runs now was started with. */
function version(): string | undefined {
  const record = readFileSync(join(world.folder('m1'), 'state/portoser/clusters/c/supervise/web'), 'utf8');
  const environ = readFileSync(`/proc/${record.trim().split(/\s/)[0]}/environ`, 'utf8');
  return environ.split('\0').find(one => one.startsWith('VERSION='));
}

/** The stamp is written last: before that, what ran may just have ended. */
const isBack = (): boolean =>
  stamp().fingerprint !== undefined && stamp().failed !== undefined && version() === 'VERSION=1';

/** What history keeps of how the pass went. */
const events = () => world.told.flatMap(one => one.event ?? []).filter(one => one.startsWith('deploy.'));

const held = (why: string) => [{ key: 'web@m1', state: 'held', why: expect.stringContaining(why) as string }];

describe('a revision that does not become healthy', () => {
  it('is undone: files, environment and process are those of the last healthy one, and it is not tried again', async () => {
    const good = await push('good', '1');
    await world.pass();
    const healthy = stamp().fingerprint;
    await push('bad', '2');
    world.told.length = 0;
    const report = await world.pass();
    expect(events()).toEqual(['deploy.begun', 'deploy.failed', 'deploy.begun', 'deploy.undone']);
    expect(outcomesOf(report)).toEqual(['web@m1 failed gate-failed']);
    expect(report.outcomes).toMatchObject([{ undone: { result: 'back', commit: good } }]);
    expect(report.next.next).toBe('stalled');
    expect([readFileSync(stateFile(), 'utf8'), version()]).toEqual(['good', 'VERSION=1']);
    const { verdicts } = await preview(world.ports, world.lists, { from: 'commit', check: true });
    expect(verdicts?.get('web@m1')).toMatchObject({ state: 'pass' });
    expect(stamp()).toMatchObject({
      fingerprint: healthy,
      commit: good,
      failed: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    for (let pass = 0; pass < 3; pass += 1) {
      world.writes.length = 0;
      const next = await world.pass();
      expect([next.outcomes, next.plan?.waves]).toEqual([[], []]);
      expect(next.plan?.leftAlone).toMatchObject(held(`what was healthy at commit ${good.slice(0, 12)} runs instead`));
    }
  });

  it('what runs instead is kept as it was, until git brings something new', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2');
    await world.pass();
    touch(stateFile(), 'good but edited');
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied repair']);
    expect(readFileSync(stateFile(), 'utf8')).toBe('good');
    expect(stamp().failed).toBeDefined();
    await push('good again', '3');
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['web@m1 applied update']);
    expect([report.plan?.leftAlone, stamp().failed, version()]).toEqual([[], undefined, 'VERSION=3']);
  });

  it('is tried again when a person asks', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2');
    await world.pass();
    hurry();
    const report = await world.pass({ only: ['web'], again: true });
    expect(report.outcomes).toMatchObject([{ result: 'failed', undone: { result: 'back' } }]);
    expect(version()).toBe('VERSION=1');
  });

  it('is tried again when its mark is taken off, with the one before it still known', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2');
    await world.pass();
    const synced = await sync(world.ports, { from: 'commit' });
    const cleared = () => clearFailed(world.ports, world.lists, synced, synced.registry?.placements ?? []);
    expect(await cleared()).toEqual([{ key: 'web@m1', state: 'cleared' }]);
    expect(await cleared()).toEqual([{ key: 'web@m1', state: 'clean' }]);
    hurry();
    const report = await world.pass();
    expect(report.outcomes).toMatchObject([{ result: 'failed', undone: { result: 'back' } }]);
  });

  it('goes back in the next pass where this one was cut off', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2');
    let batches = 0;
    world.before = async (_, kind) => {
      if (kind === 'batch') batches += 1;
      if (batches === 2) throw new AppError('ssh-lost', 'the connection to m1 was lost');
    };
    const cut = await world.pass();
    expect(cut.outcomes).toMatchObject([
      { result: 'failed', undone: { result: 'failed', error: { code: 'ssh-lost' } } },
    ]);
    world.before = async () => undefined;
    world.told.length = 0;
    const report = await world.pass();
    expect(events()).toEqual(['deploy.begun', 'deploy.undone']);
    expect(outcomesOf(report)).toEqual(['web@m1 applied update']);
    expect([readFileSync(stateFile(), 'utf8'), version()]).toEqual(['good', 'VERSION=1']);
  });

  it('is told as failed and undone by who waits, also where the answer that it failed was lost', async () => {
    const good = await push('good', '1', { retries: 2, backoff: '50ms…100ms' });
    await world.pass();
    await push('bad', '2', { retries: 2, backoff: '50ms…100ms' });
    let stamps = 0;
    world.after = async (_, kind) => {
      if (kind === 'stamps') stamps += 1;
      if (stamps === 1 && kind === 'stamps') throw new AppError('ssh-lost', 'the connection to m1 was lost');
    };
    const report = await world.pass();
    const why = 'web@m1 did not become healthy: [^]*; then: the connection to m1 was lost$';
    const message = expect.stringMatching(why) as string;
    expect(report.outcomes).toMatchObject([
      { result: 'failed', error: { code: 'ssh-lost', message }, undone: { result: 'back', commit: good } },
    ]);
    expect(isBack()).toBe(true);
    const [told] = await world.store.deployments({ service: 'web', limit: 1 });
    expect(told).toMatchObject({ result: 'failed', undone: { result: 'back' } });
    expect((await world.pass()).plan?.waves).toEqual([]);
  });

  it('stays held where the last healthy one cannot be brought back, and says why', async () => {
    await push('good', '1');
    await world.pass();
    writeFileSync(stampPath(), stampText({ ...stamp(), commit: 'f'.repeat(40) }));
    await push('bad', '2');
    const report = await world.pass();
    expect(report.outcomes).toMatchObject([{ result: 'failed', error: { code: 'gate-failed' } }]);
    expect(report.outcomes[0]).not.toHaveProperty('undone');
    const next = await world.pass();
    expect(next.outcomes).toEqual([]);
    expect(next.plan?.leftAlone).toMatchObject(held('the one before it is not brought back: commit ffffffffffff'));
  });

  it('stays as it is where the last healthy one fails too, said once and not tried again', async () => {
    const fine = join(world.clone, 'fine');
    const health = healthOf(`test -e ${fine}`);
    touch(fine);
    await world.push({ web: { machine: 'm1', env: { VERSION: '1' }, health } });
    await world.pass();
    rmSync(fine);
    hurry(2);
    await world.push({ web: { machine: 'm1', env: { VERSION: '2' }, health } });
    world.told.length = 0;
    const report = await world.pass();
    expect(events()).toEqual(['deploy.begun', 'deploy.failed', 'deploy.begun', 'deploy.failed']);
    expect(world.told.findLast(one => one.event === 'deploy.failed')?.text).toMatch(
      /^failed: what was healthy at commit [0-9a-f]{12} could not be brought back: web@m1 did not become healthy/,
    );
    expect(report.outcomes).toMatchObject([
      { result: 'failed', undone: { result: 'failed', error: { code: 'gate-failed' } } },
    ]);
    world.sent.length = 0;
    const next = await world.pass();
    expect([next.outcomes, next.plan?.waves]).toEqual([[], []]);
    expect(next.plan?.leftAlone).toMatchObject(held('this revision was applied and did not become healthy;'));
    expect(world.sent.toSorted()).toEqual(['m1 probe', 'm2 probe']);
    expect(version()).toBe('VERSION=1');
  });
});

describe('while others of the same pass are still waited for', () => {
  const ready = () => join(world.clone, 'ready');
  /** Healthy when the test says so. */
  const slow = (machine: string, version: string) => ({
    machine,
    env: { VERSION: version },
    health: { type: 'command', command: ['test', '-e', ready()], deadline: '5m', interval: '100ms' },
  });
  const both = async (machine: string, state: string, version: string): Promise<string> => {
    if (state === 'bad') hurry();
    const services = { web: web({ env: { VERSION: version } }), slow: slow(machine, version) };
    return await world.push(services, { files: { 'apps/web/state': state } });
  };
  const applied = (name: string, service: string) => parseStamp(world.readStamp(name, service) ?? '')?.fingerprint;

  it.each(['m1', 'm2'])('what is ill goes back, while one on %s is not decided yet', async machine => {
    touch(ready());
    const good = await both(machine, 'good', '1');
    expect(outcomesOf(await world.pass()).toSorted()).toEqual([
      `slow@${machine} applied create`,
      'web@m1 applied create',
    ]);
    const before = applied(machine, 'slow');
    rmSync(ready());
    await both(machine, 'bad', '2');
    const passing = world.pass();
    await until(isBack);
    expect(applied(machine, 'slow')).toBeUndefined();
    // Kept for the one that is waited for there.
    await until(() => existsSync(statePath('lock')) === (machine === 'm1'));
    touch(ready());
    const report = await passing;
    expect(report.outcomes).toHaveLength(2);
    expect(report.outcomes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: 'web@m1', result: 'failed', undone: { result: 'back', commit: good } }),
        expect.objectContaining({ key: `slow@${machine}`, result: 'applied' }),
      ]),
    );
    expect([applied(machine, 'slow') === before, existsSync(statePath('lock'))]).toEqual([false, false]);
    const told = world.told.flatMap(one => (one.kind === 'change' && one.key === 'web@m1' ? [one.text] : []));
    expect(told.slice(-3)).toEqual([
      expect.stringMatching(/^failed: web@m1 did not become healthy/),
      `going back to what was healthy at commit ${good.slice(0, 12)}`,
      `rolled back: what was healthy at commit ${good.slice(0, 12)} runs again`,
    ]);
    const next = await world.pass();
    expect([next.outcomes, next.plan?.waves]).toEqual([[], []]);
  });

  it('what depends on something ill by now is left failed, and goes back when that is well again', async () => {
    const well = join(world.clone, 'well');
    touch(well);
    const db = { machine: 'm1', health: healthOf(`test -e ${well}`) };
    const needing = (version: string) => web({ env: { VERSION: version }, depends_on: ['db'] });
    const good = await world.push({ db, web: needing('1') }, { files: { 'apps/web/state': 'good' } });
    await world.pass();
    await world.push({ db, web: needing('2') }, { files: { 'apps/web/state': 'bad' } });
    hurry(2);
    world.sent.length = 0;
    world.after = async (_, kind) => {
      if (kind === 'batch') rmSync(well, { force: true });
    };
    const report = await world.pass();
    expect(report.outcomes).toMatchObject([{ key: 'web@m1', result: 'failed', error: { code: 'gate-failed' } }]);
    expect(report.outcomes[0]).not.toHaveProperty('undone');
    expect(world.sent.filter(one => one === 'm1 batch')).toHaveLength(1);
    world.after = async () => undefined;
    touch(well);
    expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);
    expect([isBack(), stamp().commit]).toEqual([true, good]);
  });

  it('a connection lost while it goes back fails the others, and the next pass brings both to their end', async () => {
    touch(ready());
    await both('m1', 'good', '1');
    await world.pass();
    rmSync(ready());
    await both('m1', 'bad', '2');
    let batches = 0;
    world.after = async (_, kind) => {
      if (kind === 'batch') batches += 1;
      if (batches === 2) throw new AppError('ssh-lost', 'the connection to m1 was lost');
    };
    const cut = await world.pass();
    expect(outcomesOf(cut).toSorted()).toEqual(['slow@m1 failed ssh-lost', 'web@m1 failed gate-failed']);
    expect(cut.outcomes.find(one => one.key === 'web@m1')).toMatchObject({
      undone: { result: 'failed', error: { code: 'ssh-lost' } },
    });
    world.after = async () => undefined;
    touch(ready());
    const report = await world.pass();
    expect(report.outcomes.every(one => one.result === 'applied')).toBe(true);
    expect([isBack(), existsSync(statePath('lock'))]).toEqual([true, false]);
    const next = await world.pass();
    expect([next.outcomes, next.plan?.waves]).toEqual([[], []]);
  });
});

describe('a fault soon after the deploy', () => {
  let settled: Faults | undefined;
  /** As a soak knows it: of what stands there now, or of another revision. */
  function ill(fingerprint = stamp().fingerprint ?? ''): Pick<Soak, 'faults' | 'settle'> {
    settled = undefined;
    return {
      faults: () => new Map([['web@m1', { fingerprint, found: 'exit code 1' }]]),
      settle: faults => void (settled = faults),
    };
  }

  it('condemns the revision: the healthy one before it runs again', async () => {
    const good = await push('good', '1');
    await world.pass();
    await push('good too', '2');
    await world.pass();
    expect(stamp()).toMatchObject({ finishedAt: expect.any(Number) as number, healthy: { commit: good } });
    const report = await world.pass({ soak: ill() });
    expect(report.outcomes).toMatchObject([
      {
        key: 'web@m1',
        result: 'failed',
        error: { code: 'gate-failed', message: 'web@m1 became unhealthy soon after its deploy: exit code 1' },
        undone: { result: 'back', commit: good },
      },
    ]);
    expect([readFileSync(stateFile(), 'utf8'), version()]).toEqual(['good', 'VERSION=1']);
    expect((await world.pass()).plan?.leftAlone).toMatchObject(held('runs instead'));
  });

  it('is gone back from at once, though a pass of the controller still waits for another machine', async () => {
    const fine = join(world.clone, 'fine');
    touch(fine);
    const command = (words: readonly string[]) => ({
      type: 'command',
      command: words,
      interval: '100ms',
      deadline: '5m',
    });
    const policy = { interval: '10m' };
    const first = { machine: 'm1', env: { VERSION: '1' }, health: command(['true']) };
    const second = { machine: 'm1', env: { VERSION: '2' }, health: command(['test', '-e', fine]) };
    await world.push({ web: first }, { policy });
    await world.pass();
    await world.push({ web: second }, { policy });
    const over = new AbortController();
    const told: Progress[] = [];
    const emit = (one: Progress): void => void told.push(one);
    const running = runController({ ports: world.ports, lists: world.lists, emit, signal: over.signal });
    try {
      await until(() => told.some(one => one.key === 'web@m1' && one.text === 'healthy'));
      expect(version()).toBe('VERSION=2');
      const never = { machine: 'm2', health: command(['test', '-e', join(world.clone, 'never')]) };
      await world.push({ web: second, slow: never }, { policy });
      await until(() => told.some(one => one.key === 'slow@m2' && one.kind === 'waiting'));
      rmSync(fine);
      await until(isBack);
      expect(told.filter(one => one.key === 'slow@m2' && /^(healthy|failed)/.test(one.text))).toEqual([]);
    } finally {
      over.abort();
      await running;
    }
  });

  it.each<[string, object]>([
    ['stands elsewhere by now', { db: { machine: 'm2', env: { PLACE: '2' } } }],
    ['is gone', {}],
    ['depends on it by now', { db: { machine: 'm1', depends_on: ['web'] } }],
  ])('is gone back from where what the healthy one before it depended on %s', async (_, others) => {
    const before = { db: { machine: 'm1' }, web: web({ env: { VERSION: '1' }, depends_on: ['db'] }) };
    await world.push(before, { files: { 'apps/web/state': 'good' } });
    await world.pass();
    await world.push({ ...others, web: web({ env: { VERSION: '2' } }) });
    await world.pass();
    const report = await world.pass({ soak: ill() });
    expect(report.outcomes).toMatchObject([{ key: 'web@m1', result: 'failed', undone: { result: 'back' } }]);
    expect([isBack(), (await world.pass()).plan?.waves]).toEqual([true, []]);
  });

  it('holds a first revision, which has nothing before it', async () => {
    await push('good', '1');
    await world.pass();
    const report = await world.pass({ soak: ill() });
    expect(report.outcomes).toMatchObject([{ result: 'failed', error: { code: 'gate-failed' } }]);
    expect(report.outcomes[0]).not.toHaveProperty('undone');
    expect(stamp()).toMatchObject({ failed: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    const next = await world.pass();
    expect([next.outcomes, next.plan?.leftAlone]).toEqual([[], [expect.objectContaining({ state: 'held' })]]);
  });

  it('is none of a newer revision, which runs there by now', async () => {
    await push('good', '1');
    await world.pass();
    const older = stamp().fingerprint;
    await push('good too', '2');
    await world.pass();
    const report = await world.pass({ soak: ill(older) });
    expect([report.outcomes, stamp().failed, version()]).toEqual([[], undefined, 'VERSION=2']);
    expect([...(settled?.keys() ?? [])]).toEqual(['web@m1']);
  });

  const failures = () => [
    ...world.told.filter(one => one.event === 'deploy.failed').map(one => one.key),
    ...world.store.records.flatMap(one =>
      one.kind === 'run' ? one.deployments.filter(({ result }) => result === 'failed').map(({ key }) => key) : [],
    ),
  ];

  it.each<[string, () => void, () => void]>([
    [
      'is locked by another controller',
      () => {
        touch(statePath('fence'), '7.old\n');
        touch(statePath('lock'), `other 1:1 ${Math.floor(Date.now() / 1000)} 7\n`);
      },
      () => rmSync(statePath('lock')),
    ],
    [
      'is lost',
      () =>
        (world.before = async (_, kind) => {
          if (kind === 'batch') throw new AppError('ssh-lost', 'the connection to m1 was lost');
        }),
      () => (world.before = async () => undefined),
    ],
  ])('is judged by a later pass where its machine %s', async (_, shut, open) => {
    const good = await push('good', '1');
    await world.pass();
    await push('good too', '2');
    await world.pass();
    const { fingerprint } = stamp();
    shut();
    const refused = await world.pass({ soak: ill(), toTheEnd: false });
    expect([refused.outcomes, refused.next.next, failures()]).toEqual([[], 'again', []]);
    expect([stamp().fingerprint, stamp().failed, [...(settled?.keys() ?? [])]]).toEqual([fingerprint, undefined, []]);
    expect(world.journal.entries.filter(one => one.endedAt === undefined)).toEqual([]);
    open();
    const report = await world.pass({ soak: ill(), toTheEnd: false });
    expect(report.outcomes).toMatchObject([{ result: 'failed', undone: { result: 'back', commit: good } }]);
    expect([stamp().failed, failures()]).toEqual([fingerprint, ['web@m1', 'web@m1']]);
    expect([...(settled?.keys() ?? [])]).toEqual(['web@m1']);
  });

  it('is not forgotten by a pass that breaks before it has judged', async () => {
    await push('good', '1');
    await world.pass();
    const soak = ill();
    const { state } = world.ports;
    const { read } = state;
    Object.assign(state, { read: () => Promise.reject(new AppError('state-dir-unusable', 'disk full')) });
    expect((await world.pass({ soak })).error).toMatchObject({ code: 'state-dir-unusable' });
    Object.assign(state, { read });
    expect(settled).toBeUndefined();
  });

  it('is none of the revision where somebody stopped it, or changed its files', async () => {
    await push('good', '1');
    await world.pass();
    touch(stateFile(), 'spoilt');
    const report = await world.pass({ soak: ill() });
    expect(outcomesOf(report)).toEqual(['web@m1 applied repair']);
    expect(stamp().failed).toBeUndefined();
  });
});

describe('policy.on_failure', () => {
  it('stop: the failed revision stays, held', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2', { on_failure: 'stop' });
    const report = await world.pass();
    expect(report.outcomes[0]).not.toHaveProperty('undone');
    expect(version()).toBe('VERSION=2');
    expect((await world.pass()).plan?.leftAlone).toMatchObject(held('this revision was applied'));
  });

  it('leave: it stays as any service that became unhealthy later', async () => {
    await push('good', '1');
    await world.pass();
    await push('bad', '2', { on_failure: 'leave' });
    const report = await world.pass();
    expect(outcomesOf(report)).toEqual(['web@m1 failed gate-failed']);
    expect([version(), stamp().failed]).toEqual(['VERSION=2', undefined]);
    const next = await world.pass();
    expect([next.plan?.waves, next.plan?.leftAlone]).toEqual([[], []]);
  });
});
