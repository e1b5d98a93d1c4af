// The controller of nine services on three hosts is killed at a numbered point of a change to all of them, and started anew: it
// converges, nothing was started twice, nothing is left open, and history tells of every change.
// Which points: PORTOSER_CRASH_POINTS is `all` (npm run soak), numbers with commas, or absent (some, by PORTOSER_CRASH_SEED).
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { brokenHistory } from '../../history-law.js';
import { cluster, keyOf, logFolder, registryOf, slots, sourceFiles } from '../crash/services.js';
import { eventually, withLab } from '../harness.js';
import { diceOf } from '../soak/dice.js';
import { drive, type Driven, unrestOf } from '../soak/driven.js';
import { freshStory, type Story } from '../story.js';

const seed = Number(process.env['PORTOSER_CRASH_SEED'] ?? 20);
const asked = process.env['PORTOSER_CRASH_POINTS'];
const sampled = 30;

const lab = withLab({ hosts: 3, docker: [1, 2], uv: [3] });
const hosts = [lab.host(1), lab.host(2), lab.host(3)] as const;

let story: Story;
let driven: Driven;
let version = 0;
let head = '';

const tell = (line: string): void => console.log(`crash points: ${line}`);

beforeAll(async () => {
  const setUp = `mkdir -p ${logFolder}; : >${logFolder}/starts; chmod 666 ${logFolder}/starts`;
  await Promise.all(hosts.map(host => host.must(setUp)));
  story = await freshStory({ database: true });
  driven = drive(story);
}, 60_000);

afterAll(async () => {
  await driven?.stop();
  await driven?.close();
  await story.remove();
}, 60_000);

async function push(): Promise<void> {
  version += 1;
  head = await story.push(registryOf(version, hosts), sourceFiles(), `Version ${version}`);
}

/** Lines of all hosts: `service version` for each start since the story began. */
async function starts(): Promise<readonly string[]> {
  const texts = await Promise.all(hosts.map(host => host.must(`cat ${logFolder}/starts`)));
  return texts.flatMap(text => text.split('\n').filter(line => line !== ''));
}

/** Every service was started once for each version, and never otherwise. */
async function wrongStarts(): Promise<readonly string[]> {
  const counts = new Map<string, number>();
  for (const start of await starts()) counts.set(start, (counts.get(start) ?? 0) + 1);
  const versions = Array.from({ length: version }, (_, index) => index + 1);
  const wanted = versions.flatMap(number => slots.map(({ name }) => `${name} v${number}`));
  const missing = wanted.filter(start => !counts.has(start)).map(start => `${start} was never started`);
  const often = [...counts].filter(([start, count]) => count > 1 || !wanted.includes(start));
  return [...missing, ...often.map(([start, count]) => `${start} was started ${count} times`)];
}

/** Locks, step folders and files laid aside. */
async function leftOver(): Promise<readonly string[]> {
  const script = `cd /var/lib/portoser/clusters/${cluster}; ls -d lock* steps/*/ incoming/* 2>/dev/null
find /opt /etc/systemd/system -name '.portoser-new*'`;
  const found = await Promise.all(hosts.map(async host => (await host.inside(script)).stdout));
  return found.flatMap(text => text.split('\n').filter(Boolean)).map(path => `left behind: ${path}`);
}

/** The commit's change of each service stands in history as applied once, and once more as interrupted where the kill was in its middle. */
async function untold(): Promise<readonly string[]> {
  const told = await Promise.all(slots.map(slot => driven.history(keyOf(slot))));
  const wishes = Object.fromEntries(slots.map(slot => [keyOf(slot), { applied: 1 }]));
  return brokenHistory(
    told.flat().filter(one => one.commit === head),
    wishes,
  );
}

/** Asked again for a while: history is written behind the pass. */
async function historyTroubles(): Promise<readonly string[]> {
  const until = performance.now() + 15_000;
  for (;;) {
    const troubles = await untold();
    if (troubles.length === 0 || performance.now() > until) return troubles;
    await sleep(200);
  }
}

async function comeToRest(): Promise<void> {
  let why: string | undefined;
  try {
    await eventually('the world is at rest', async () => (why = await unrestOf(driven, head)) === undefined, 120_000);
  } catch (cause) {
    throw new Error(`it does not come to rest: ${why}\n${driven.stance()}`, { cause });
  }
}

/** The first pass of a new controller is killed at that point; then another one is started. */
async function killAt(at: number): Promise<string> {
  const said = driven.output().length;
  driven.ensure(at);
  await eventually('it kills itself', async () => driven.ended(), 120_000);
  const point = /crash point .*/.exec(driven.output().slice(said))?.[0];
  if (point === undefined) throw new Error('it ended without being killed');
  await comeToRest();
  return point;
}

/** Everything that is wrong after a kill at that point, and a restart. */
async function troublesAt(at: number): Promise<readonly string[]> {
  const startedAt = performance.now();
  const said = driven.output().length;
  await push();
  try {
    const point = await killAt(at);
    const troubles = [
      ...(await Promise.all([wrongStarts(), leftOver(), historyTroubles()])).flat(),
      ...driven.journal(),
    ];
    // Nothing is going on: only the database outlives it, which the next one takes over.
    await driven.kill();
    tell(`${point}; at rest and looked at after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    return troubles.map(trouble => `${point}: ${trouble}`);
  } catch (cause) {
    throw new Error(`killed at point ${at}: ${(cause as Error).message}\n${driven.output().slice(said)}`, { cause });
  }
}

const dice = diceOf(seed);

function chosen(highest: number): readonly number[] {
  const all = Array.from({ length: highest }, (_, index) => index + 1);
  if (asked === 'all') return all;
  if (asked !== undefined) return asked.split(',').map(Number);
  while (all.length > sampled) all.splice(dice.below(all.length), 1);
  return all;
}

let points = 0;

test('killed while it brings all nine up', async () => {
  expect(await troublesAt(1 + dice.below(60))).toEqual([]);
});

test('a change that nobody kills starts each service once; the points that it passes are counted', async () => {
  await push();
  const ended = await story.cli(['run', '--once', '--json'], { env: { PORTOSER_CRASH_AT: 'count' } });
  expect(ended).toMatchObject({ code: 0 });
  points = ended.stderr.split('\n').filter(line => line.startsWith('crash point ')).length;
  expect(await wrongStarts()).toEqual([]);
  expect(points).toBeGreaterThan(60);
});

test(
  `killed at ${asked ?? sampled} points of a change to all nine`,
  async () => {
    const all = chosen(points);
    tell(`seed ${seed}, of ${points} points these: PORTOSER_CRASH_POINTS=${all.join(',')}`);
    const troubles: string[] = [];
    for (const at of all) troubles.push(...(await troublesAt(at)));
    expect(troubles).toEqual([]);
  },
  asked === 'all' ? 3_600_000 : 1_200_000,
);
