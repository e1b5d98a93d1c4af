// A revision is marked as failed, and the answer is lost: history says once that it failed, as soon as anybody can see it.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { Outcome } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { type PassAsk, runPass } from '../../reconciler/loop/pass.js';
import type { Faults } from '../../reconciler/loop/soak.js';
import type { Ports } from '../../reconciler/ports.js';
import { until } from '../commands/batch-machine.js';
import { createFakeJournal } from '../fakes/journal.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
let good: string;
let faults: Map<string, { fingerprint: string; found: string }>;

const stamp = () => parseStamp(world.readStamp('m1', 'web') ?? '');
const open = () => world.journal.entries.filter(one => one.to === 'history' && one.endedAt === undefined);
const soak: NonNullable<PassAsk['soak']> = {
  faults: () => faults as unknown as Faults,
  settle: settled => settled.forEach((_, key) => faults.delete(key)),
};
/** Before it lie the deploys that it begins with. */
let begun = 0;
const history = async (): Promise<readonly string[]> =>
  (await world.store.deployments({ limit: 9 }))
    .toReversed()
    .filter(one => one.startedAt >= begun)
    .map(one => [one.key, one.kind, one.result, one.error?.code, one.undone?.result].filter(Boolean).join(' '));
const failures = () => world.told.filter(one => one.event === 'deploy.failed').map(one => one.text);

beforeEach(async () => {
  world = await createWorld();
  good = await world.push({ web: { machine: 'm1', env: { V: '1' } } });
  await world.pass();
  await world.push({ web: { machine: 'm1', env: { V: '2' } } });
  await world.pass();
  faults = new Map([['web@m1', { fingerprint: stamp()?.fingerprint ?? '', found: 'HTTP 503' }]]);
  world.told.length = 0;
  begun = world.ports.clock.now();
});
afterEach(() => world.close());

/** The connection goes with the answer of what comes next there, and comes back only when a test says so. */
function loseAnswer(when: 'before' | 'after', stays: boolean): void {
  world[when] = async (machine, kind) => {
    if (machine !== 'm1' || kind !== 'batch') return;
    world[when] = async () => undefined;
    if (stays) world.down.add('m1');
    throw new AppError('ssh-lost', 'the connection to m1 was lost');
  };
}

const cause = 'failed: web@m1 became unhealthy soon after its deploy: HTTP 503';

it('is told by the same pass, where the machine can be looked at again', async () => {
  loseAnswer('after', false);
  const report = await world.pass({ soak });
  expect(report.outcomes[0]).toMatchObject({
    key: 'web@m1',
    result: 'failed',
    undone: { result: 'back', commit: good },
  });
  expect(await history()).toEqual(['web@m1 restart failed gate-failed back']);
  expect([failures(), faults.size, open()]).toEqual([[cause], 0, []]);
  expect((await world.pass({ soak })).outcomes).toEqual([]);
});

async function lostWithItsMachine(when: 'before' | 'after'): Promise<PassReport> {
  loseAnswer(when, true);
  const report = await world.pass({ soak });
  expect(report.outcomes).toEqual([]);
  expect(report.next).toMatchObject({ next: 'again' });
  expect([await history(), failures(), faults.size]).toEqual([[], [], 1]);
  expect(open().map(one => one.id)).toEqual([report.id]);
  return report;
}

it('is told when its machine is back, as of the pass that marked it; then the last healthy one is brought back', async () => {
  const { id } = await lostWithItsMachine('after');
  expect((await world.pass({ soak })).outcomes).toEqual([]);
  expect(await history(), 'nobody can see it yet').toEqual([]);
  world.down.clear();

  const report = await world.pass({ soak });

  expect(outcomesOf(report)).toEqual(['web@m1 applied update']);
  expect(await history()).toEqual(['web@m1 restart failed gate-failed', 'web@m1 update applied']);
  const [failed] = (await world.store.deployments({ limit: 9 })).filter(one => one.result === 'failed');
  expect(failed).toMatchObject({ runId: id, error: { message: cause.slice('failed: '.length) } });
  expect([failures(), faults.size, open()]).toEqual([[cause], 0, []]);
  expect((await world.pass({ soak })).outcomes).toEqual([]);
  expect(await history()).toHaveLength(2);
});

it('is marked by the pass that can, where it had not been', async () => {
  await lostWithItsMachine('before');
  expect(stamp()?.failed).toBeUndefined();
  world.down.clear();
  await world.pass({ soak });
  expect(await history()).toEqual(['web@m1 restart failed gate-failed back']);
  expect([failures(), faults.size, open()]).toEqual([[cause], 0, []]);
});

it('is kept while its machine does not answer, and judged when that is back', async () => {
  world.down.add('m1');
  expect((await world.pass({ soak })).outcomes).toEqual([]);
  expect([await history(), failures(), faults.size, open()]).toEqual([[], [], 1, []]);
  world.down.clear();

  await world.pass({ soak });

  expect(await history()).toEqual(['web@m1 restart failed gate-failed back']);
  expect([failures(), faults.size, open(), stamp()?.failed]).toMatchObject([[cause], 0, [], {}]);
});

it('concerns nobody any more where git wants another revision by then', async () => {
  world.down.add('m1');
  await world.push({ web: { machine: 'm1', env: { V: '3' } } });
  await world.pass({ soak });
  expect(faults.size).toBe(0);
  world.down.clear();
  expect(outcomesOf(await world.pass({ soak }))).toEqual(['web@m1 applied update']);
  expect(failures()).toEqual([]);
});

it('is told once by the next process, where this one is killed before it can look', async () => {
  const journal = createFakeJournal({ entries: world.journal.entries, processName: '999999:1', runs: () => true });
  const ports: Ports = { ...world.ports, journal };
  loseAnswer('after', true);
  const { signal } = new AbortController();
  const context = { ports, lists: world.lists, emit: () => undefined, signal };
  const { id } = await runPass(context, { trigger: 'test', from: 'commit', soak });
  expect(await history()).toEqual([]);
  world.down.clear();

  expect(outcomesOf(await world.pass())).toEqual(['web@m1 applied update']);

  expect((await history()).toSorted()).toEqual(['web@m1 restart failed gate-failed', 'web@m1 update applied']);
  expect(await world.store.deployments({ limit: 9 })).toContainEqual(
    expect.objectContaining({ runId: id, kind: 'restart', result: 'failed' }),
  );
  await world.pass();
  expect([await history(), open()]).toMatchObject([{ length: 2 }, []]);
});

it('waits for steps that run on its machine, and fences off none of them', async () => {
  const stateFile = (name: string) => join(world.folder('m1'), 'state/portoser/clusters/c', name);
  const fence = readFileSync(stateFile('fence'), 'utf8');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  mkdirSync(stateFile('steps/s9'), { recursive: true });
  touch(stateFile('steps/s9/open'), `${process.pid} ${boot}\n`);

  const report = await world.pass({ soak });

  expect([report.outcomes, report.next.next, faults.size, failures()]).toEqual([[], 'again', 1, []]);
  expect([readFileSync(stateFile('fence'), 'utf8'), stamp()?.failed]).toEqual([fence, undefined]);
  expect([await history(), open()]).toEqual([[], []]);
  rmSync(stateFile('steps/s9'), { recursive: true });

  expect(outcomesOf(await world.pass({ soak }))).toEqual(['web@m1 failed gate-failed']);
  expect([await history(), faults.size]).toEqual([['web@m1 restart failed gate-failed back'], 0]);
});

it('going back from it outlasts the pass: the failure is reported, and the end of the way back is no change to count', async () => {
  let go: () => void = () => undefined;
  const opened = new Promise<void>(resolve => (go = resolve));
  let batches = 0;
  world.before = async (machine, kind) => {
    if (machine === 'm1' && kind === 'batch' && (batches += 1) === 2) await opened;
  };
  world.sleeps = ms => (ms === 60_000 ? until(() => batches === 2) : undefined);
  const counted: string[] = [];
  const onEndedLate = (outcome: Outcome) => counted.push(outcome.key);
  const { outcomes } = await world.pass({ soak, toTheEnd: false, onEndedLate });
  expect(outcomes).toMatchObject([{ key: 'web@m1', result: 'failed', error: { code: 'gate-failed' } }]);
  expect(await history()).toEqual(['web@m1 restart in-progress']);
  world.sleeps = () => undefined;
  go();
  await vi.waitFor(async () => expect(await history()).toEqual(['web@m1 restart failed gate-failed back']));
  expect(counted).toEqual([]);
});
