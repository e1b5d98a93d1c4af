// Two controllers of one repository: never two writers on a machine, by what the machine itself notes; who lost a machine steps down and says so.
import { afterAll, expect, test } from 'vitest';
import type { Deployment } from '../../../schema/history.js';
import { makeDatabase, useServer } from '../../adapters/postgres-fixture.js';
import { eventually, withLab } from '../harness.js';
import { untilApplied, type StoryWish } from '../story.js';
import { evidenceOf } from './fleet-evidence.js';
import { folder, noted, openWriters, type Pair, type Writers } from './writers.js';

/** Each test has two of its own: they wait for locks and deadlines, beside one another. */
const lab = withLab({ hosts: 6 });
const pairOf = (first: number): Pair => [lab.host(first), lab.host(first + 1)];
useServer();

const opened: Writers[] = [];
afterAll(() => Promise.all(opened.map(one => one.story.remove())));

async function open(hosts: Pair, wish?: StoryWish): Promise<Writers> {
  const writers = await openWriters(hosts, wish);
  opened.push(writers);
  return writers;
}

interface Shown {
  readonly machine: string;
  readonly state: string;
  readonly stale: boolean;
}

async function lockOf({ story }: Writers, stateDir: string): Promise<string> {
  const shown = await story.cli(['lock', 'show', 'm1', '--json'], { stateDir });
  return (JSON.parse(shown.stdout) as readonly Shown[])
    .map(one => `${one.state}${one.stale ? ', stale' : ''}`)
    .join(' ');
}

test.concurrent('with a store each: commits come while both work, now this one sleeps, now that one', async () => {
  const hosts = pairOf(1);
  const writers = await open(hosts);
  const { story, other, push, untilNoted, untilNewest, expectOneWriter } = writers;
  await push();
  const both = [story.run(), story.run({ stateDir: other })] as const;
  await untilNewest(both);
  for (const asleep of [undefined, both[0], undefined, both[1], both[0], both[1]]) {
    if (asleep !== undefined) await untilNewest(both);
    asleep?.pause();
    await push();
    await untilNoted('begin', 'one', both);
    asleep?.resume();
  }
  await untilNewest(both);
  await expectOneWriter();
  expect(await writers.holders()).toBe(2);
  for (const one of both) expect(await one.stop()).toBe(0);
});

test.concurrent(
  'with one store: the one that slept in the middle of a change for longer than its lock lasts steps down',
  async () => {
    const hosts = pairOf(3);
    const [first] = hosts;
    const writers = await open(hosts, { env: { DATABASE_URL: await makeDatabase() } });
    const { story, other, push, untilNoted, untilNewest, expectOneWriter } = writers;
    await push();
    const sleeper = story.run();
    const rival = story.run({ stateDir: other });
    const both = [sleeper, rival];
    await untilNewest(both);

    rival.pause();
    await first.must(': >/run/closed');
    const commit = await push();
    await untilNoted('end', 'one', both);
    sleeper.pause();
    const lock = await first.must(`cat ${folder}/lock`);
    await first.must('rm /run/closed');
    rival.resume();
    await untilNewest(both);
    expect(await first.must(`cat ${folder}/fence`)).not.toMatch(new RegExp(`^${lock.trim().split(' ')[3]}\\.`));
    await expectOneWriter();

    const before = await Promise.all(hosts.map(evidenceOf));
    const said = sleeper.output().length;
    sleeper.resume();
    const told = async () => sleeper.output().slice(said).includes('another controller took m1 over');
    await eventually('it says that it lost the machine', told, 60_000);
    await untilApplied(story, sleeper, commit);
    expect(await Promise.all(hosts.map(evidenceOf))).toEqual(before);

    await push();
    await untilNewest(both);
    await expectOneWriter();
    for (const one of both) expect(await one.stop()).toBe(0);

    const listed = await story.cli(['history', 'list', 'one', '--json']);
    const ofCommit = (JSON.parse(listed.stdout) as readonly Deployment[]).filter(one => one.commit === commit);
    expect(ofCommit.map(one => one.error?.code ?? one.result).toSorted()).toEqual(['applied', 'machine-fenced']);
  },
  300_000,
);

test.concurrent(
  'after a crash it takes its own lock over at once; locks are shown and broken; stale ones hold nobody up',
  async () => {
    const hosts = pairOf(5);
    const [first] = hosts;
    const writers = await open(hosts);
    const { story, other, push, untilNoted, untilNewest, expectOneWriter } = writers;
    await push();
    let controller = story.run();
    await untilNewest([controller]);

    await first.must(': >/run/closed');
    await push();
    await untilNoted('end', 'one', [controller]);
    expect(await lockOf(writers, story.stateDir)).toBe('ours');
    expect(await lockOf(writers, other)).toBe('theirs');
    await controller.kill();
    expect(await lockOf(writers, story.stateDir)).toBe('left, stale');
    const [, , leftAt, leftFence] = (await first.must(`cat ${folder}/lock`)).trim().split(' ').map(Number);
    controller = story.run();
    const next = `read -r c p t f <${folder}/lock && [ "$f" -gt ${leftFence} ] && echo $t`;
    const taken = await eventually(
      'it has the lock again',
      async () => (await first.inside(next)).stdout.trim(),
      60_000,
    );
    expect(Number(taken) - (leftAt ?? 0)).toBeLessThan(60);
    await first.must('rm /run/closed');
    await untilNewest([controller]);
    await expectOneWriter();

    await first.must(': >/run/closed');
    await push();
    await untilNoted('end', 'one', [controller]);
    expect((await story.cli(['lock', 'break', 'm1'])).stderr).toContain('Say --yes');
    expect((await story.cli(['lock', 'break', 'm1', '--yes'])).stderr).toContain('--running');
    const broken = await story.cli(['lock', 'break', 'm1', '--yes'], { stateDir: other });
    expect(broken).toMatchObject({ code: 0, stdout: expect.stringContaining('The lock of m1 is broken') });
    await first.must('rm /run/closed');
    await untilNewest([controller]);
    expect(controller.output()).toContain('another controller took m1 over');
    await expectOneWriter();

    await first.must(`echo "feedbeef 1:1 $(($(date +%s)-61)) 1" >${folder}/lock`);
    await push();
    await untilNewest([controller]);

    await first.must(`echo "feedbeef 1:1 $(date +%s) 1" >${folder}/lock`);
    await push();
    const told = async () => controller.output().includes('m1 is locked by controller feedbeef');
    await eventually('it says who holds the lock', told, 60_000);
    await untilNoted('end', 'two', [controller]);
    expect((await noted(first)).some(one => one.version === writers.version())).toBe(false);
    expect((await story.cli(['lock', 'break', 'm1', '--yes'])).code).toBe(0);
    await untilNewest([controller]);
    await expectOneWriter();
    expect(await controller.stop()).toBe(0);
  },
);
