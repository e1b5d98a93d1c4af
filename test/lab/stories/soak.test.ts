// A soak: by chance that can be repeated, commits, drift, kills, cuts and crashes; whenever the world comes to rest, everything must hold.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changedTwice, openOrTwice } from '../../history-law.js';
import { eventually, withLab } from '../harness.js';
import { type Dice, diceOf } from '../soak/dice.js';
import { type Disturbance, pickDisturbance, type Round } from '../soak/disturb.js';
import { drive, type Driven, type Sample, unrestOf } from '../soak/driven.js';
import { prepare, seenOn, strangersOn } from '../soak/ground.js';
import { brokenOn, changedBy, type Spell, type Wishes } from '../soak/laws.js';
import { keyOf, port, registryOf, slots, sourceFiles, type Wanted, wantedOf } from '../soak/services.js';
import { freshStory, type Story } from '../story.js';

/** `npm run soak` sets both; without it a short one, whose first rounds kill the controller in every way and have a rival. */
const minutes = Number(process.env['PORTOSER_SOAK_MINUTES'] ?? 5);
const seed = Number(process.env['PORTOSER_SOAK_SEED'] ?? 777);

const lab = withLab({ hosts: 2, docker: [1] });
const hosts = [lab.host(1), lab.host(2)];
const longestPauseMs = 1500;
const patienceMs = 180_000;

let story: Story;
let driven: Driven;
const log: string[] = [];

function tell(line: string): void {
  log.push(line);
  console.log(`soak: ${line}`);
}

beforeAll(async () => {
  await Promise.all(hosts.map(prepare));
  story = await freshStory({ database: true });
  driven = drive(story);
}, 120_000);

afterAll(async () => {
  await driven?.stop();
  await driven?.close();
  await story.remove();
}, 120_000);

const wants = new Map<string, Wanted>();
let head = '';

async function push(message: string): Promise<void> {
  head = await story.push(registryOf(wants, hosts), sourceFiles(wants), message);
}

/** On the first host, which has Docker: what a person does by the hint of `port-taken`. Docker keeps a port of a container whose start a crash cut off. */
async function freeKeptPorts(): Promise<void> {
  const script = `[ -n "$(docker ps -q --filter publish=${port})" ] || systemctl restart docker`;
  await lab.host(1).must(script);
  tell('Docker kept a port of no container, and was restarted');
}

async function comeToRest(): Promise<void> {
  let why: string | undefined;
  let freed = false;
  const atRest = async (): Promise<boolean> => {
    why = await unrestOf(driven, head);
    if (!freed && why?.includes('is taken by docker-proxy') === true) {
      freed = true;
      await freeKeptPorts();
    }
    return why === undefined;
  };
  try {
    await eventually('the world is at rest', atRest, patienceMs);
  } catch (cause) {
    throw new Error(`${why}\n${driven.stance()}`, { cause });
  }
}

const lookAtAll = () =>
  Promise.all(hosts.map(async host => ({ seen: await seenOn(host), strangers: await strangersOn(host) })));
type Sights = Awaited<ReturnType<typeof lookAtAll>>;

/** Asked again for a while: what was killed a moment ago is on its way back. */
async function troublesAfter(
  round: Round,
  before: Sights,
  wishes: Wishes,
): Promise<{ troubles: readonly string[]; now: Sights }> {
  const until = performance.now() + 30_000;
  for (;;) {
    const now = await lookAtAll();
    const spells = hosts.flatMap((host, index): readonly Spell[] => {
      const [was, is] = [before[index], now[index]];
      return was === undefined || is === undefined
        ? []
        : [{ host, crashed: round.crashed.has(host), before: was, now: is }];
    });
    const troubles = spells.flatMap(spell => brokenOn(spell, wishes));
    if (troubles.length === 0 || performance.now() > until) return { troubles, now };
    await sleep(500);
  }
}

/** Each change of the round stands in history as applied, whoever was killed meanwhile; `alone`: nobody else can have made it. */
async function expectRecorded(wishes: Wishes, since: number, alone: boolean): Promise<void> {
  const names = new Set(alone ? changedBy(wishes) : []);
  for (const slot of slots) {
    const recorded = async (): Promise<boolean> => {
      const deployments = await driven.history(keyOf(slot));
      const applied = deployments.some(one => one.result === 'applied' && one.endedAt >= since);
      const wrong = [...openOrTwice(deployments), ...changedTwice(deployments)];
      return (applied || !names.has(slot.name)) && wrong.length === 0;
    };
    await eventually(`history tells of ${slot.name}`, recorded, 60_000);
  }
}

interface Ended {
  readonly now: Sights;
  readonly sample: Sample | undefined;
}

async function oneRound(
  number: number,
  dice: Dice,
  before: Sights,
  disturbances: readonly Disturbance[],
): Promise<Ended> {
  const since = Date.now();
  const wanted = new Map(wants);
  const round: Round = {
    dice,
    hosts,
    wants,
    touched: new Map(),
    cut: new Set(),
    crashed: new Set(),
    push,
    killController: () => driven.kill(),
    armController: async point => {
      await driven.kill();
      driven.ensure(point);
    },
    startRival: () => driven.startRival(),
  };
  const done: string[] = [];
  for (const disturb of disturbances) {
    const what = await disturb(round);
    if (what !== undefined) done.push(what);
    await sleep(dice.below(longestPauseMs));
  }
  const text = `round ${number}: ${done.join(', ') || 'nothing'}`;
  try {
    await Promise.all([...round.cut].filter(host => !round.crashed.has(host)).map(host => host.join()));
    await Promise.all([...round.crashed].map(host => host.boot()));
    await comeToRest();
    expect(await driven.stopRival()).toBe(0);
    await comeToRest();
    const wishes = { before: wanted, now: wants, touched: round.touched };
    const { troubles, now } = await troublesAfter(round, before, wishes);
    expect(troubles).toEqual([]);
    await expectRecorded(wishes, since, !done.some(one => one.includes('rival')));
    const sample = driven.sample();
    const tookS = ((Date.now() - since) / 1000).toFixed(1);
    tell(
      `${text}; at rest after ${tookS} s, ${sample ? `${Math.round(sample.rssMB)} MB, ${sample.files} files` : 'ended'}`,
    );
    return { now, sample };
  } catch (cause) {
    const said = `${text}\nseed ${seed}, ${minutes} minutes\n${log.join('\n')}\n${driven.output().slice(-20_000)}`;
    throw new Error(`${(cause as Error).message}\n${said}`, { cause });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Samples of one process, too few of which say nothing. */
const leastSamples = 12;

/** Of the process that lives through the second half. */
function expectFlat(samples: readonly Sample[]): void {
  const own = samples.filter(one => one.pid === samples.at(-1)?.pid);
  if (own.length < leastSamples) return tell(`memory is not judged: ${own.length} samples of one process`);
  const third = Math.floor(own.length / 3);
  const of = (read: (sample: Sample) => number) =>
    [median(own.slice(0, third).map(read)), median(own.slice(-third).map(read))] as const;
  const [firstMB, lastMB] = of(one => one.rssMB);
  const [firstFiles, lastFiles] = of(one => one.files);
  tell(`memory ${Math.round(firstMB)} MB, then ${Math.round(lastMB)} MB; files ${firstFiles}, then ${lastFiles}`);
  expect(lastMB, 'MB in the last third').toBeLessThan(firstMB * 1.25 + 20);
  expect(lastFiles, 'open files in the last third').toBeLessThan(firstFiles + 10);
}

test(
  `${minutes} minutes of it`,
  async () => {
    tell(`seed ${seed}, ${minutes} minutes`);
    const dice = diceOf(seed);
    for (const slot of slots)
      wants.set(slot.name, { present: !['b2', 'n4'].includes(slot.name), version: 1, command: 0 });
    await push('begin');
    driven.ensure();
    await comeToRest();
    let sights = await lookAtAll();
    const startedAt = performance.now();
    const share = (): number => (performance.now() - startedAt) / (minutes * 60_000);
    const samples: Sample[] = [];
    for (let number = 1; share() < 1; number += 1) {
      // In the second half one process lives to the end, so that its memory can be judged.
      const disturbances = Array.from({ length: 1 + dice.below(3) }, () => pickDisturbance(dice, share() < 0.5));
      const ended = await oneRound(number, dice, sights, disturbances);
      sights = ended.now;
      if (ended.sample !== undefined) samples.push(ended.sample);
    }
    expect(slots.filter(one => wantedOf(wants, one.name).version > 1).length).toBeGreaterThan(0);
    expectFlat(samples);
  },
  minutes * 60_000 + 420_000,
);
