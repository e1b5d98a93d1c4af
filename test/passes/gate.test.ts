// The gate after a start: passes, fails early, fails at its deadline, or could not look; and asks gently.
import { expect, test } from 'vitest';
import type { HealthCheck } from '../../schema/registry-types.js';
import type { GateResult } from '../../reconciler/core/verify.js';
import { gate, type GateOptions } from '../../reconciler/loop/gate.js';
import type { Checked } from '../../reconciler/loop/look-checks.js';
import { type CheckedWorld, createCheckedWorld, runs } from '../fakes/checked-world.js';
import { aMachine, checked, httpOn, tcpOn } from '../fakes/specs.js';

const m1 = { machine: aMachine('m1'), cluster: 'home' };
const ok = { status: 200, body: '' };
const process: HealthCheck = { type: 'process' };

function begin(world: CheckedWorld, placements: readonly Checked[], options: GateOptions = {}) {
  const decidedAt: Record<string, number> = {};
  const onResult = (key: string) => void (decidedAt[key] = world.clock.monotonic());
  const results = gate(placements, m1, world.lists, world.ports, { onResult, ...options });
  const asObject = async (): Promise<Record<string, GateResult>> => Object.fromEntries(await results);
  return { results: asObject(), decidedAt };
}

test('http passes at the first success, soon after the service came up', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  const { results, decidedAt } = begin(world, [checked('web@m1', [httpOn(80)])]);
  await world.clock.advance(1500);
  world.listening.set('m1:80', ok);
  await world.clock.advance(600);
  expect(await results).toEqual({ 'web@m1': { result: 'passed' } });
  expect(decidedAt['web@m1']).toBeLessThan(2100);
  const asks = world.asked.filter(line => line.includes('http')).length;
  expect(asks).toBeGreaterThanOrEqual(5);
  expect(asks).toBeLessThanOrEqual(9);
  expect(world.asked.filter(line => line.includes('exec')).length).toBeLessThanOrEqual(2);
  await world.clock.advance(0);
  expect(world.clock.wakesAt()).toEqual([]);
});

test('gates of one machine stand side by side, and their asks are spread', async () => {
  const world = createCheckedWorld();
  const ports = [80, 81, 82, 83, 84];
  for (const port of ports) world.runners.set(`s${port}@m1`, runs());
  const { results, decidedAt } = begin(
    world,
    ports.map(port => checked(`s${port}@m1`, [httpOn(port)])),
  );
  await world.clock.advance(1000);
  for (const port of ports) world.listening.set(`m1:${port}`, ok);
  await world.clock.advance(600);
  expect(Object.values(await results).every(({ result }) => result === 'passed')).toBe(true);
  expect(new Set(Object.values(decidedAt)).size).toBe(ports.length);
});

test('a process must stay up for 5 s, in one life', async () => {
  const world = createCheckedWorld();
  world.runners.set('job@m1', runs({ pids: [7] }));
  const { results, decidedAt } = begin(world, [checked('job@m1', [process])]);
  await world.clock.advance(3000);
  world.runners.set('job@m1', runs({ pids: [8], startedAt: 1_700_000_003 }));
  await world.clock.advance(4000);
  expect(decidedAt).toEqual({});
  await world.clock.advance(2000);
  expect(await results).toEqual({ 'job@m1': { result: 'passed' } });
  expect(decidedAt['job@m1']).toBeGreaterThanOrEqual(8000);
});

test('staying up is seen to the moment: the gate of a process that stays takes little more than 5 s', async () => {
  const world = createCheckedWorld();
  world.runners.set('job@m1', runs());
  const { results, decidedAt } = begin(world, [checked('job@m1', [process])]);
  await world.clock.advance(6000);
  await results;
  expect(decidedAt['job@m1']).toBeLessThan(5200);
});

test('what has been up for long passes at the first look', async () => {
  const world = createCheckedWorld();
  await world.clock.advance(60_000);
  world.runners.set('db@m1', runs());
  const { results, decidedAt } = begin(world, [checked('db@m1', [process])]);
  await world.clock.advance(200);
  expect(await results).toEqual({ 'db@m1': { result: 'passed' } });
  expect(decidedAt['db@m1']).toBeLessThan(60_200);
});

test('a first crash is forgiven when the next life stays', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs({ run: 'crash-looping' }));
  const { results } = begin(world, [checked('web@m1', [process])]);
  await world.clock.advance(500);
  world.runners.set('web@m1', runs({ pids: [8], settings: { restarts: '1' } }));
  await world.clock.advance(7000);
  expect(await results).toEqual({ 'web@m1': { result: 'passed' } });
});

test('what another life had passed has to be passed again', async () => {
  const world = createCheckedWorld();
  world.runners.set('db@m1', runs({ pids: [7] }));
  world.listening.set('m1:80', ok);
  const { results } = begin(world, [checked('db@m1', [process, tcpOn(80)], { deadlineMs: 20_000 })]);
  await world.clock.advance(2000);
  world.runners.set('db@m1', runs({ pids: [8] }));
  world.listening.delete('m1:80');
  await world.clock.advance(18_000);
  expect(await results).toEqual({
    'db@m1': { result: 'failed', found: 'connection refused', why: 'not healthy within 20 s' },
  });
});

test.each(['failed', 'crash-looping', 'stopped'] as const)('a runner that is %s ends the wait early', async run => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs({ run, detail: 'exit code 1' }));
  const { results, decidedAt } = begin(world, [checked('web@m1', [httpOn(80)])]);
  await world.clock.advance(3000);
  expect(decidedAt['web@m1']).toBeLessThanOrEqual(2000);
  expect(await results).toEqual({
    'web@m1': { result: 'failed', found: `${run}: exit code 1`, why: 'it did not stay up' },
  });
});

test('a runner that is not there ends the wait early; one that is between two lives does not', async () => {
  const world = createCheckedWorld();
  world.runners.set('b@m1', runs({ run: 'stopped' }));
  const { results, decidedAt } = begin(world, [checked('a@m1', [httpOn(80)]), checked('b@m1', [httpOn(81)])]);
  await world.clock.advance(1600);
  expect(Object.keys(decidedAt)).toEqual(['a@m1']);
  world.runners.set('b@m1', runs());
  world.listening.set('m1:81', ok);
  await world.clock.advance(1000);
  expect(await results).toMatchObject({ 'a@m1': { result: 'failed' }, 'b@m1': { result: 'passed' } });
});

test('the deadline counts from the start, with the start period, and tells the last answer', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  world.listening.set('m1:80', { status: 503, body: '' });
  await world.clock.advance(1000);
  const health = { deadlineMs: 8000, startPeriodMs: 4000 };
  const { results, decidedAt } = begin(world, [checked('web@m1', [httpOn(80)], health)], { startedAt: 0 });
  await world.clock.advance(30_000);
  expect(await results).toEqual({ 'web@m1': { result: 'failed', found: 'HTTP 503', why: 'not healthy within 12 s' } });
  expect(decidedAt['web@m1']).toBe(12_000);
});

test.each([
  [11_000, { result: 'passed' }],
  [12_010, { result: 'failed', why: 'not healthy within 12 s' }],
])('what answers from %i ms on, with 12 s to do so', async (readyMs, expected) => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  const { results } = begin(world, [checked('web@m1', [httpOn(80)], { deadlineMs: 12_000 })]);
  await world.clock.advance(readyMs);
  world.listening.set('m1:80', ok);
  await world.clock.advance(2000);
  expect(await results).toMatchObject({ 'web@m1': expected });
});

test('a machine that cannot be reached is unknown at the deadline, and passes when it comes back before', async () => {
  const world = createCheckedWorld();
  world.unreachable.add('m1');
  world.listening.set('m1:80', ok).set('m1:81', ok);
  const early = checked('a@m1', [httpOn(80)], { deadlineMs: 10_000 });
  const patient = checked('b@m1', [httpOn(81)], { deadlineMs: 60_000 });
  const { results, decidedAt } = begin(world, [early, patient]);
  await world.clock.advance(20_000);
  expect(Object.keys(decidedAt)).toEqual(['a@m1']);
  world.unreachable.clear();
  await world.clock.advance(1000);
  expect(await results).toEqual({
    'a@m1': { result: 'unknown', why: 'm1 cannot be reached' },
    'b@m1': { result: 'passed' },
  });
});

test('command checks are asked by exec until they pass', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  world.commands.set('m1 ready', 1);
  const { results, decidedAt } = begin(world, [checked('web@m1', [{ type: 'command', command: ['ready'] }])]);
  await world.clock.advance(2000);
  world.commands.set('m1 ready', 0);
  await world.clock.advance(1100);
  expect(await results).toEqual({ 'web@m1': { result: 'passed' } });
  expect(decidedAt['web@m1']).toBeLessThan(3100);
  expect(world.asked.length).toBeLessThanOrEqual(8);
});

test('a port that hangs is asked anew after its limit, and never beyond the deadline', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  world.listening.set('m1:80', 'hangs');
  const { results, decidedAt } = begin(world, [checked('web@m1', [httpOn(80)], { deadlineMs: 12_000 })]);
  await world.clock.advance(12_000);
  expect(await results).toMatchObject({ 'web@m1': { result: 'failed', why: 'not healthy within 12 s' } });
  expect(decidedAt['web@m1']).toBe(12_000);
  expect(world.asked.filter(line => line.includes('http'))).toHaveLength(3);
});

test('the signal ends all that is open as unknown, and leaves no wait behind', async () => {
  const world = createCheckedWorld();
  world.runners.set('web@m1', runs());
  const stop = new AbortController();
  const { results } = begin(world, [checked('web@m1', [httpOn(80)])], { signal: stop.signal });
  await world.clock.advance(500);
  stop.abort();
  expect(await results).toEqual({ 'web@m1': { result: 'unknown', why: 'interrupted' } });
  await world.clock.advance(0);
  expect(world.clock.wakesAt()).toEqual([]);
  const again = begin(world, [checked('web@m1', [httpOn(80)])], { signal: stop.signal });
  expect(await again.results).toEqual({ 'web@m1': { result: 'unknown', why: 'interrupted' } });
});

test('a placement without checks passes at once; no placements are no wait', async () => {
  const world = createCheckedWorld();
  expect(await begin(world, [checked('web@m1', [])]).results).toEqual({ 'web@m1': { result: 'passed' } });
  expect(await begin(world, []).results).toEqual({});
});
