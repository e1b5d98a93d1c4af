// The controller is killed in the middle of its work, its database not: the next one has every change in history, once and ended.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDatabase, useServer } from '../adapters/postgres-fixture.js';
import { openTestStore } from '../adapters/store-fixture.js';
import { eventRecord } from '../contracts/store.js';
import { brokenHistory } from '../history-law.js';
import { program } from '../program.js';
import { createCrashWorld, type CrashWorld, type Running } from './crash-world.js';
import { until } from './until.js';

useServer();

let world: CrashWorld;
beforeEach(async () => {
  world = await createCrashWorld(program);
});
afterEach(() => world.close());

const names = ['db', 'slow', 'web'] as const;
/** It outlasts the interval of the passes: its end is noted after its run. */
const slow = { type: 'command', command: ['sleep', '2'], deadline: '20s' };

async function push(version: number): Promise<void> {
  const env = { VERSION: `v${version}` };
  const placed = {
    db: { machine: 'm1', env },
    slow: { machine: 'm2', env, health: slow },
    web: { machine: 'm3', env, depends_on: ['db'] },
  };
  await world.push(placed, 'x', { interval: '1s' });
}

const startsOf = (): readonly number[] => names.map(name => world.starts(name).length);

/** Of the pass that changed something, in order. */
const pointsIn = (said: string): readonly string[] =>
  said.split('\n').flatMap(line => /^crash point \d+: (.*)$/.exec(line)?.[1] ?? []);

it('wherever it was killed', async () => {
  const url = await makeDatabase();
  const { store } = await openTestStore({ url });
  // Makes the tables, which the controller would be a while later.
  await new Promise<void>(resolve => store.record(eventRecord('begun', 0), resolve));
  let version = 0;
  let running: Running | undefined;
  const tell = (): string => running?.said() ?? '';

  /** Everything that is wrong with history; a change for each version, of which those before had one kill each. */
  async function broken(): Promise<readonly string[]> {
    const wish = { applied: version, kills: version };
    return brokenHistory(await store.deployments({ limit: 200 }), { 'db@m1': wish, 'slow@m2': wish, 'web@m3': wish });
  }

  async function comeToRest(): Promise<void> {
    let found: readonly string[] = [];
    const whole = async (): Promise<boolean> => {
      if (startsOf().some(count => count !== version)) return false;
      if (!tell().includes('everything is as the registry says')) return false;
      found = [...(await broken()), ...(await world.openIntents()).map(id => `open: ${id}`)];
      return found.length === 0;
    };
    await until(`history has version ${version}`, whole, () => `${found.join('\n')}\n${startsOf().join()}\n${tell()}`);
  }

  async function begin(crashAt: string): Promise<void> {
    version += 1;
    await push(version);
    running = world.start({ DATABASE_URL: url, PORTOSER_CRASH_AT: crashAt });
  }

  await begin('count');
  await comeToRest();
  expect(await running?.stop()).toBe(0);
  const points = pointsIn(tell());
  expect(points).toContain('after the run is closed');

  for (const point of [
    'after the run is intended',
    'after the gates',
    'before the pass is noted',
    'after the run is noted',
    'after the run is kept',
  ]) {
    await begin(String(points.indexOf(point) + 1));
    await until(`it is killed ${point}`, () => tell().includes('crash point'), tell);
    expect(await running?.stop()).toBe('SIGKILL');
    running = world.start({ DATABASE_URL: url });
    await comeToRest();
    expect(await running.stop()).toBe(0);
  }
}, 600_000);
