// The controller is killed at every point that it passes: the next start converges, nothing was done twice, and history has it all once.
import { expect, it } from 'vitest';
import { brokenHistory, type HistoryWish } from '../history-law.js';
import { program } from '../program.js';
import { createCrashWorld, type CrashWorld, type Ended, type Placed, wholeSize } from './crash-world.js';

/** So many worlds at a time. */
const lanes = 2;
/** Another seed samples other points. */
const seed = 20;
const sampled = 6;

/** Nothing of it lies in the repository: what stands in its folder is the user's own. */
const bare = { source: undefined, command: ['sh', '-c', `echo ${wholeSize} >>starts; exec sleep 1000`] };

/** Nine services in two waves, four batches: the second wave of m3 waits for both other machines. */
const first: Placed = {
  db0: { machine: 'm1' },
  cache0: { machine: 'm1' },
  job0: { machine: 'm1', ...bare },
  queue1: { machine: 'm2' },
  mail1: { machine: 'm2' },
  job1: { machine: 'm2', ...bare },
  job2: { machine: 'm3', ...bare },
  api2: { machine: 'm3', depends_on: ['db0', 'queue1'] },
  web2: { machine: 'm3', depends_on: ['db0'] },
};

/** One restarted, one stopped, one new, one moved to another folder; the rest as it was. */
const second: Placed = {
  ...Object.fromEntries(Object.entries(first).filter(([name]) => name !== 'job1')),
  db0: { machine: 'm1', env: { CHANGED: 'yes' } },
  new2: { machine: 'm3', depends_on: ['db0'] },
  web2: { machine: 'm3', folder: 'web2-elsewhere', depends_on: ['db0'] },
};

const nameOf = (ended: Ended): string => /crash point .*/.exec(ended.err)?.[0] ?? 'no crash point';

async function withWorld<T>(work: (world: CrashWorld) => Promise<T>): Promise<T> {
  const world = await createCrashWorld(program);
  try {
    return await work(world);
  } finally {
    await world.close();
  }
}

/** Starts of each service, where they are not as many; and what each start did not find whole. */
function wrongStarts(
  world: CrashWorld,
  expected: Readonly<Record<string, number>>,
  onceMore?: string,
): readonly string[] {
  return Object.entries(expected).flatMap(([folder, count]) => {
    const starts = world.starts(folder);
    const half = starts.filter(size => size !== wholeSize).map(size => `${folder} found ${size} bytes`);
    const more = folder === onceMore && starts.length === count + 1;
    return starts.length === count || more
      ? half
      : [...half, `${folder} was started ${starts.length} times, not ${count}`];
  });
}

/** A run that finds a part done passes at least so many points, mostly. */
const pointsWhileRecovering = 15;

interface Story {
  /** What stands there before, converged. */
  readonly before?: Placed;
  readonly wanted: Placed;
  /** Starts by folder, in the end. */
  readonly starts: Readonly<Record<string, number>>;
  /** By placement: how its changes end in all. */
  readonly history: Readonly<Record<string, HistoryWish>>;
  /** The run that recovers is killed as well, somewhere. */
  readonly again?: true;
  /** A placement whose new revision fails: its last healthy one runs instead. */
  readonly held?: string;
}

/** Everything that is wrong after a kill at this point and a restart. */
async function troublesAt(story: Story, at: number): Promise<readonly string[]> {
  return await withWorld(async world => {
    if (story.before !== undefined) {
      await world.push(story.before);
      await world.converge();
    }
    await world.push(story.wanted);
    const killed = await world.once(String(at));
    const troubles = killed.signal === 'SIGKILL' ? [] : [`it was not killed: ${JSON.stringify(killed)}`];
    troubles.push(...world.halves().map(path => `half a file: ${path}`));
    if (story.again === true) await world.once(String(1 + (at % pointsWhileRecovering)));
    const open = await world.openIntents();
    const went = await world.converge(story.held === undefined ? 0 : 2);
    const told = went.flatMap(one => one.report?.settled ?? []);
    const untold = open.filter(id => !told.some(one => one.id === id));
    if (untold.length > 0) troubles.push(`not told: ${untold.length} of ${open.length} open intents`);
    // What ended before its failure could be noted is tried once more: nobody else knows of it.
    troubles.push(...wrongStarts(world, story.starts, story.held?.split('@')[0]));
    troubles.push(...world.halves().map(path => `half a file: ${path}`));
    troubles.push(...world.leftovers().map(path => `left behind: ${path}`));
    troubles.push(...brokenHistory(await world.history(), story.history));
    const plan = await world.plan();
    const held = plan?.leftAlone.map(one => one.key).join(' ');
    if (plan === undefined || plan.waves.length > 0 || held !== (story.held ?? ''))
      troubles.push(`the next plan is not empty: ${JSON.stringify(plan)}`);
    return troubles.map(trouble => `${nameOf(killed)}: ${trouble}`);
  });
}

/** Points that one run of it passes. */
async function countPoints(story: Story): Promise<number> {
  return await withWorld(async world => {
    if (story.before !== undefined) {
      await world.push(story.before);
      await world.converge();
    }
    await world.push(story.wanted);
    const ended = await world.once('count');
    expect(ended.code, ended.err).toBe(story.held === undefined ? 0 : 1);
    expect(wrongStarts(world, story.starts)).toEqual([]);
    expect(brokenHistory(await world.history(), story.history)).toEqual([]);
    return ended.err.split('\n').filter(line => line.startsWith('crash point ')).length;
  });
}

async function tryAll(story: Story, points: readonly number[]): Promise<readonly string[]> {
  const left = [...points];
  const troubles: string[] = [];
  async function lane(): Promise<void> {
    for (let at = left.shift(); at !== undefined; at = left.shift()) troubles.push(...(await troublesAt(story, at)));
  }
  await Promise.all(Array.from({ length: lanes }, lane));
  return troubles;
}

/** `count` different numbers from 1 to `highest`, the same for the same seed (Park and Miller's generator). */
function sample(highest: number, count: number): readonly number[] {
  const chosen = new Set<number>();
  for (let state = seed; chosen.size < Math.min(count, highest);) {
    state = (state * 48_271) % 2_147_483_647;
    chosen.add(1 + (state % highest));
  }
  return [...chosen];
}

const told = (placed: Placed): Story['history'] =>
  Object.fromEntries(
    Object.entries(placed).map(([name, { machine }]) => [`${name}@${String(machine)}`, { applied: 1 }]),
  );

const once = (placed: Placed): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.keys(placed).map(name => [name, 1]));

it('a change of what runs, killed at some points, and again while it recovers', async () => {
  const kept = { ...once(first), db0: 2, new2: 1, 'web2-elsewhere': 1 };
  const twice = { applied: 2, kills: 2 };
  const changed = { 'db0@m1': twice, 'job1@m2': twice, 'web2@m3': twice, 'new2@m3': { applied: 1, kills: 2 } };
  const history = { ...told(first), ...changed };
  const story: Story = { before: first, wanted: second, starts: kept, history, again: true };
  const count = await countPoints(story);
  expect(count).toBeGreaterThan(30);
  expect(await tryAll(story, sample(count, sampled))).toEqual([]);
}, 600_000);

it('a revision that fails, killed at some points on its way back', async () => {
  const ends = { command: ['sh', '-c', 'wc -c <payload >>starts'], health: { type: 'process' } };
  const broken = { ...first, db0: { machine: 'm1', ...ends } };
  // Gone back within the same run, or by a later one.
  const history = { ...told(first), 'db0@m1': { applied: [1, 2], held: 1 } };
  const story: Story = { before: first, wanted: broken, starts: { ...once(first), db0: 3 }, history, held: 'db0@m1' };
  const count = await countPoints(story);
  expect(count).toBeGreaterThan(20);
  expect(await tryAll(story, sample(count, sampled / 2))).toEqual([]);
}, 600_000);

it('a first apply, killed at every point', async () => {
  const story: Story = { wanted: first, starts: once(first), history: told(first) };
  const count = await countPoints(story);
  expect(count).toBeGreaterThan(40);
  expect(
    await tryAll(
      story,
      Array.from({ length: count }, (_, index) => index + 1),
    ),
  ).toEqual([]);
}, 600_000);
