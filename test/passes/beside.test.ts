// A person deploys through a controller's own process: that is no outage, and what was ill before counts no more.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import type { PassReport } from '../../schema/status.js';
import { parseStamp } from '../../reconciler/core/ownership.js';
import { runController } from '../../reconciler/loop/turn.js';
import { deploy } from '../../reconciler/operations/deploy.js';
import type { Ports } from '../../reconciler/ports.js';
import { until } from '../commands/batch-machine.js';
import { createFakeClock, type FakeClock } from '../fakes/clock.js';
import { createWorld, outcomesOf, touch, type World } from './world.js';

let world: World;
let clock: FakeClock;
let over: AbortController;
let passes: PassReport[];
let running: Promise<void>;
let context: Parameters<typeof deploy.run>[0];
/** How often somebody read what was approved: the loop does at once when it is rung. */
let asked: number;
/** What is held goes on. */
let release: () => void;

const fine = () => join(world.clone, 'fine');
const push = (version: string) =>
  world.push(
    {
      web: {
        machine: 'm1',
        env: { VERSION: version },
        health: { type: 'command', command: ['test', '-e', fine()], interval: '10m', retries: 2, soak: '5m' },
      },
    },
    { policy: { interval: '24h' } },
  );

/** As `world.ports`, by a clock that stands still; only the poll sees new commits, and that comes late. */
function portsOf(): Ports {
  const { state, source } = world.ports;
  if (source.git === undefined) throw new Error('no repository');
  const unwatched = () => Promise.reject(new AppError('git-broken', 'too many watches'));
  const git = Object.assign(source.git, { watch: unwatched });
  const read: typeof state.read = name => {
    if (name === 'approvals') asked += 1;
    return state.read(name);
  };
  return { ...world.ports, clock, source: { ...source, git }, state: { ...state, read } };
}

/** Gives what needs time of the clock a little of it, at the pace of the real processes. */
async function pump(done: () => boolean, ms = 10): Promise<void> {
  for (; !done(); await pause(5)) await clock.advance(ms);
}

beforeEach(async () => {
  world = await createWorld();
  clock = createFakeClock(Date.now());
  over = new AbortController();
  [passes, asked] = [[], 0];
  release = () => undefined;
  const signal = over.signal;
  const actor = { name: 'ada', by: 'api' } as const;
  context = { ports: portsOf(), lists: world.lists, emit: () => undefined, signal, actor, settings: {} as never };
  touch(fine());
  await push('1');
  running = runController(context, { onPass: report => void passes.push(report) });
  await pump(() => passes.length === 1 && told().length > 0);
});
afterEach(async () => {
  release();
  over.abort();
  await running;
  await world.close();
});

const told = () => world.store.records.flatMap(one => (one.kind === 'transition' ? [one.transition] : []));
const stamp = () => parseStamp(world.readStamp('m1', 'web') ?? '');

/** Holds the next script of that kind on m1. */
function holdNext(kind: string): () => boolean {
  let held = false;
  const open = new Promise<void>(resolve => (release = resolve));
  world.before = async (machine, what) => {
    if (held || machine !== 'm1' || what !== kind) return;
    held = true;
    await open;
  };
  return () => held;
}

/** By the API, until it has come to its end. */
function deployed(): { readonly done: () => boolean; readonly report: Promise<PassReport> } {
  let done = false;
  const report = deploy.run(context, { services: ['web'] }).finally(() => (done = true));
  return { done: () => done, report };
}

it('is told as planned, and nobody looks at the old revision while the new one comes', async () => {
  const gone = stamp()?.fingerprint;
  await push('2');
  const held = holdNext('batch');
  const { done, report } = deployed();
  await until(held);
  world.sent.length = 0;
  await clock.advance(10_000);
  expect(world.sent).toEqual([]);
  release();
  await pump(done);
  expect(outcomesOf(await report)).toEqual(['web@m1 applied update']);
  expect(stamp()?.fingerprint).not.toBe(gone);
  // That it is healthy may be told before the deploy has come to its end, or soon after it.
  await pump(() => told().length > 2);
  expect(told()).toMatchObject([
    { to: 'healthy' },
    { key: 'web@m1', to: 'starting', planned: true },
    { from: 'starting', to: 'healthy' },
  ]);
});

it('is not condemned for what was found at the revision before', async () => {
  await push('2');
  const held = holdNext('probe');
  const { done, report } = deployed();
  await until(held);
  rmSync(fine());
  const before = asked;
  await pump(() => asked > before, 100);
  touch(fine());
  release();
  await pump(done);
  expect(outcomesOf(await report)).toEqual(['web@m1 applied update']);
  const { fingerprint } = stamp() ?? {};
  await pump(() => passes.length === 2);
  expect(passes[1]).toMatchObject({ trigger: 'web@m1 became ill soon after its deploy', outcomes: [] });
  expect(stamp()).toMatchObject({ fingerprint });
  expect(stamp()?.failed).toBeUndefined();
});
