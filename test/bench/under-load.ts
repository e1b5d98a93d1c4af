// What `GET /api/status` and runs cost each other: wrk asks while runs that change something go on one after another, followed by 500.
import { type Crowd, openCrowd } from './crowd.js';
import { type Figure, spread } from './figure.js';
import { addressOf, openServed, type Served } from './served.js';
import { constantServer, hasWrk, microsecondsEach, microsecondsWhile } from './wrk.js';

const followers = 500;
/** Of each kind, in each round. */
const runs = 3;
let said = 0;

/** One service is started anew with other words. */
async function changingRun({ fleet, reconcile }: Served): Promise<number> {
  said += 1;
  await fleet.commit(`good day ${said}`);
  return await reconcile();
}

/** The median of some, one after another. */
async function someRuns(served: Served): Promise<number> {
  const took: number[] = [];
  for (let run = 0; run < runs; run += 1) took.push(await changingRun(served));
  return spread(took).median;
}

interface Loaded {
  readonly microseconds: number;
  readonly runMs: number;
}

/** Asks that address from the beginning of the first run to the end of the last one. */
async function askBesideRuns(served: Served, address: string): Promise<Loaded> {
  let runMs = Number.NaN;
  const microseconds = await microsecondsWhile(address, async () => {
    runMs = await someRuns(served);
  });
  return { microseconds, runMs };
}

interface Round {
  readonly alone: number;
  /** wrk asks the constant, nobody follows. */
  readonly unfollowed: Loaded;
  /** wrk asks the constant, all follow. */
  readonly constant: Loaded;
  /** wrk asks for the status, all follow. */
  readonly status: Loaded;
  /** Messages that they got of the last two, in all. */
  readonly received: number;
}

async function followed<T>(served: Served, work: (crowd: Crowd) => Promise<T>): Promise<T> {
  const crowd = await openCrowd(addressOf(served.server, '/ws'), followers);
  try {
    return await work(crowd);
  } finally {
    await crowd.leave();
  }
}

async function oneRound(served: Served, constantAt: string, statusAt: string): Promise<Round> {
  const alone = await someRuns(served);
  const unfollowed = await askBesideRuns(served, constantAt);
  return await followed(served, async crowd => {
    const constant = await askBesideRuns(served, constantAt);
    const status = await askBesideRuns(served, statusAt);
    const { received } = await crowd.told();
    return { alone, unfollowed, constant, status, received };
  });
}

async function measureRounds(rounds: number): Promise<readonly Round[]> {
  const served = await openServed();
  const closing = [() => served.close()];
  try {
    await changingRun(served);
    const statusAt = addressOf(served.server, '/api/status');
    const { length } = await (await fetch(`http://${statusAt}`)).text();
    const bare = await constantServer(length);
    closing.unshift(() => bare.close());
    const constantAt = addressOf(bare, '/constant');
    for (const address of [constantAt, statusAt]) await microsecondsEach(address, 1);
    const all: Round[] = [];
    for (let round = 0; round < rounds; round += 1) all.push(await oneRound(served, constantAt, statusAt));
    return all;
  } finally {
    for (const close of closing) await close();
  }
}

function figuresOf(rounds: readonly Round[]): readonly Figure[] {
  const received = spread(rounds.map(one => one.received)).median;
  return [
    {
      name: `\`GET /api/status\`, asked ten at a time while runs go on and ${followers} follow`,
      unit: 'µs',
      goal: { kind: 'ratio', most: 1 / 0.6 },
      ours: rounds.map(one => one.status.microseconds),
      reference: { name: 'a constant by Fastify', values: rounds.map(one => one.constant.microseconds) },
      note: `the same process, runs and followers for both; ${received} messages to these a round; the goal is 60 % of the reference's requests a second`,
    },
    {
      name: 'the run beside that, which starts one service anew',
      unit: 'ms',
      goal: { kind: 'ratio', most: 1.1 },
      ours: rounds.map(one => one.status.runMs),
      reference: { name: 'constant, unfollowed', values: rounds.map(one => one.unfollowed.runMs) },
      peers: {
        'constant, followed': rounds.map(one => one.constant.runMs),
        'neither wrk nor followers': rounds.map(one => one.alone),
      },
      note: 'wrk keeps this process busy and takes a processor itself, whatever it asks: so does it in the reference',
    },
  ];
}

/** `leave` is told why, where there is no wrk. */
export async function measureUnderLoad(rounds: number, leave: (why: string) => void): Promise<readonly Figure[]> {
  if (hasWrk()) return figuresOf(await measureRounds(rounds));
  leave('needs wrk');
  return [];
}
