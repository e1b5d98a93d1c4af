// A soak: by chance that can be repeated, commits, drift, kills, cuts and crashes; whenever the world comes to rest, everything must hold.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changedTwice, openOrTwice } from '../../history-law.js';
import { eventually, withLab } from '../harness.js';
import { drive, type Driven, unrestOf } from '../soak/driven.js';
import { prepare, seenOn, type Standing, standingOf, strangersOn } from '../soak/ground.js';
import { brokenMoves, brokenOn, handled, type Sight, type Spell, untold } from '../soak/laws.js';
import { flatnessOf, type RoundSample } from '../soak/memory.js';
import { blockOf, draftRound, type Ground, type Round } from '../soak/round.js';
import {
  healthyIn,
  heldIn,
  type HostIndex,
  port,
  registryOf,
  slotOf,
  slots,
  sourceFiles,
  type Wanted,
  type Wants,
  wantedOf,
} from '../soak/services.js';
import { freshStory, type Story } from '../story.js';

/** `npm run soak` sets them; without it a short one, whose first rounds kill the controller in every way and have a rival. */
const minutes = Number(process.env['PORTOSER_SOAK_MINUTES'] ?? 5);
const seed = Number(process.env['PORTOSER_SOAK_SEED'] ?? 777);
const fromRound = Number(process.env['PORTOSER_SOAK_FROM'] ?? 1);

const lab = withLab({ hosts: 2, docker: [1] });
const hosts = [lab.host(1), lab.host(2)];
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

let head = '';

async function push(wants: Wants, message: string): Promise<void> {
  head = await story.push(registryOf(wants, hosts), sourceFiles(wants), message);
}

const hostOf = (index: HostIndex) => lab.host(index);

/** Of what is suspended now. */
const standing = new Map<string, { readonly host: HostIndex; readonly was: Standing }>();

const ground: Ground = {
  host: hostOf,
  push,
  killController: () => driven.kill(),
  armController: async point => {
    await driven.kill();
    driven.ensure(point);
  },
  startRival: () => driven.startRival(),
  suspend: service => driven.suspend(service),
  remember: async (service, host) => {
    standing.set(service, { host, was: await standingOf(hostOf(host), slotOf(service)) });
  },
};

async function endSuspensions({ wants, suspended, crashed }: Round): Promise<void> {
  if (suspended.size === 0) return;
  await comeToRest(wants, [...suspended.values()]);
  for (const [service, { host, was }] of standing) {
    const is = await standingOf(hostOf(host), slotOf(service));
    expect(handled(service, was, is, crashed.has(host))).toEqual([]);
    await driven.resume(service);
  }
  standing.clear();
}

/** On the first host, which has Docker: what a person does by the hint of `port-taken`. Docker keeps a port of a container whose start a crash cut off. */
async function freeKeptPorts(): Promise<void> {
  const script = `[ -n "$(docker ps -q --filter publish=${port})" ] || systemctl restart docker`;
  await lab.host(1).must(script);
  tell('Docker kept a port of no container, and was restarted');
}

/** `suspended`: placements. */
async function comeToRest(wants: Wants, suspended: readonly string[] = []): Promise<void> {
  const left = [...heldIn(wants).map(key => `held ${key}`), ...suspended.map(key => `suspended ${key}`)];

  let why: string | undefined;
  let freed = false;
  const atRest = async (): Promise<boolean> => {
    why = await unrestOf(driven, head, left);
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

const lookAtAll = (): Promise<readonly Sight[]> =>
  Promise.all(hosts.map(async host => ({ seen: await seenOn(host), strangers: await strangersOn(host) })));

/** Asked again for a while: what was killed a moment ago is on its way back. */
async function expectKept(round: Round, before: readonly Sight[]): Promise<readonly Sight[]> {
  const until = performance.now() + 30_000;
  for (;;) {
    const now = await lookAtAll();
    const spells = ([1, 2] as const).flatMap((host): readonly Spell[] => {
      const [was, is] = [before[host - 1], now[host - 1]];
      return was === undefined || is === undefined ? [] : [{ host, before: was, now: is }];
    });
    const troubles = [...spells.flatMap(spell => brokenOn(spell, round)), ...brokenMoves(spells, round)];
    if (troubles.length === 0) return now;
    if (performance.now() > until) expect(troubles).toEqual([]);
    await sleep(500);
  }
}

/** Whoever was killed meanwhile, history is whole, and tells of the round: unless somebody else may have made its changes. */
async function expectTold(round: Round, since: number): Promise<void> {
  let wrong: readonly string[] = [];
  const told = async (): Promise<boolean> => {
    const all = await Promise.all(slots.map(one => driven.history(one.name)));
    const own = all.flat().filter(one => one.endedAt >= since);
    wrong = [
      ...all.flatMap(one => [...openOrTwice(one), ...changedTwice(one)]),
      ...(round.rivals ? [] : untold(own, round)),
    ];
    return wrong.length === 0;
  };
  await eventually('history tells of it', told, 60_000).catch((cause: unknown) => {
    throw new Error(wrong.join('\n'), { cause });
  });
}

async function disturb(round: Round): Promise<void> {
  const { acts, cut, crashed, wants } = round;
  for (const { run, pauseMs } of acts) {
    await run(ground);
    await sleep(pauseMs);
  }
  await Promise.all([...cut].filter(host => !crashed.has(host)).map(host => hostOf(host).join()));
  await Promise.all([...crashed].map(host => hostOf(host).boot()));
  await endSuspensions(round);
  await comeToRest(wants);
  expect(await driven.stopRival()).toBe(0);
  await comeToRest(wants);
}

async function play(round: Round, before: readonly Sight[]): Promise<readonly Sight[]> {
  const since = Date.now();
  const text = `round ${round.number}: ${round.acts.map(one => one.what).join(', ') || 'nothing'}`;
  try {
    await disturb(round);
    const now = await expectKept(round, before);
    await expectTold(round, since);
    const sample = driven.sample();
    const tookS = ((Date.now() - since) / 1000).toFixed(1);
    const size = sample ? `${Math.round(sample.rssMB)} MB, ${sample.files} files` : 'ended';
    tell(`${text}; at rest after ${tookS} s, ${size}`);
    return now;
  } catch (cause) {
    const said = `${text}\nseed ${seed}, ${minutes} minutes\n${log.join('\n')}\n${driven.output().slice(-20_000)}`;
    throw new Error(`${(cause as Error).message}\n${said}`, { cause });
  }
}

/** As the rounds before would have left it, without what they did on the way. */
function wantsBefore(number: number): Wants {
  let wants: Wants = new Map(
    slots.map((slot): [string, Wanted] => [
      slot.name,
      { present: !['b2', 'n4'].includes(slot.name), version: 1, command: 0, host: slot.host },
    ]),
  );
  for (let round = 1; round < number; round += 1) ({ wants } = draftRound(seed, round, wants));
  return wants;
}

/** Something must have been healthy before what is ill. */
async function begin(wants: Wants): Promise<void> {
  driven.ensure();
  const healthy = healthyIn(wants);
  await push(healthy, 'begin');
  await comeToRest(healthy);
  if (heldIn(wants).length === 0) return;
  await push(wants, 'begin, with what is ill');
  await comeToRest(wants);
}

test(
  `${minutes} minutes of it`,
  async () => {
    tell(`seed ${seed}, ${minutes} minutes${fromRound > 1 ? `, from round ${fromRound}` : ''}`);
    let wants = wantsBefore(fromRound);
    await begin(wants);
    let sights = await lookAtAll();
    const until = performance.now() + minutes * 60_000;
    const samples: RoundSample[] = [];
    for (let number = fromRound; performance.now() < until; number += 1) {
      const { calm, first } = blockOf(number);
      // One that is armed may still be on its way to its crash point.
      if (calm && number === first) await driven.kill();
      const round = draftRound(seed, number, wants);
      sights = await play(round, sights);
      ({ wants } = round);
      const sample = driven.sample();
      if (calm && sample !== undefined) samples.push({ ...sample, block: first });
    }
    expect(slots.filter(one => wantedOf(wants, one.name).version > 1).length).toBeGreaterThan(0);
    const flatness = flatnessOf(samples);
    tell(flatness.told);
    expect(flatness.broken).toEqual([]);
  },
  minutes * 60_000 + 420_000,
);
