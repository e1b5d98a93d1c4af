// Continuous checks: pace, sharing of execs, machines that do not wait for each other, planned changes, and an orderly end.
import { afterEach, expect, test } from 'vitest';
import type { HealthCheck } from '../../schema/registry-types.js';
import { type Monitor, type MonitorTransition, startMonitor } from '../../reconciler/loop/monitor.js';
import { type CheckedWorld, createCheckedWorld, runs } from '../fakes/checked-world.js';
import { aMachine, checked, httpOn } from '../fakes/specs.js';

const m1 = { machine: aMachine('m1'), cluster: 'home' };
const m2 = { machine: aMachine('m2'), cluster: 'home' };
const ok = { status: 200, body: '' };
const process: HealthCheck = { type: 'process' };
const minute = 60_000;

let monitor: Monitor;
let told: MonitorTransition[];

function begin(world: CheckedWorld): Monitor {
  told = [];
  monitor = startMonitor(world.ports, world.lists, { onTransition: transition => void told.push(transition) });
  return monitor;
}

afterEach(() => monitor.stop());

const story = () => told.map(({ key, from, to }) => `${key} ${from} → ${to}`);
const asksOf = (world: CheckedWorld, what: string) => world.asked.filter(line => line.includes(what));
const states = () => Object.fromEntries([...monitor.status()].map(([key, record]) => [key, record.state]));

test('what is new is checked within 2 s, and then about once an interval', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok);
  begin(world).update([checked('web@m1', [httpOn(80)])], [m1]);
  expect(states()).toEqual({ 'web@m1': 'unknown' });
  await world.clock.advance(2000);
  expect(states()).toEqual({ 'web@m1': 'healthy' });
  await world.clock.advance(10 * minute);
  const asked = asksOf(world, 'http').map(line => Number(line.split(' ')[0]));
  const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
  expect(asked.length).toBeGreaterThanOrEqual(19);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(27_000);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(33_000);
  expect(new Set(gaps).size).toBeGreaterThan(5);
});

test('transitions are told once, with what was found', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok);
  begin(world).update([checked('web@m1', [httpOn(80)])], [m1]);
  await world.clock.advance(minute);
  world.listening.set('m1:80', { status: 502, body: '' });
  await world.clock.advance(50_000);
  expect(states()).toEqual({ 'web@m1': 'healthy' });
  await world.clock.advance(minute);
  world.listening.set('m1:80', ok);
  await world.clock.advance(minute);
  expect(story()).toEqual(['web@m1 unknown → healthy', 'web@m1 healthy → unhealthy', 'web@m1 unhealthy → healthy']);
  expect(told[1]).toMatchObject({ machine: 'm1', found: 'HTTP 502', planned: false });
});

test('checks that need the machine share one exec per tick', async () => {
  const world = createCheckedWorld();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) world.runners.set(`${name}@m1`, runs());
  begin(world).update(
    names.map(name => checked(`${name}@m1`, [process])),
    [m1],
  );
  await world.clock.advance(10 * minute);
  expect(Object.values(states())).toEqual(names.map(() => 'healthy'));
  const execs = asksOf(world, 'exec').length;
  expect(execs).toBeGreaterThanOrEqual(18);
  expect(execs).toBeLessThanOrEqual(26);
});

test('machines do not wait for each other, and a hanging check does not hold up its neighbours', async () => {
  const world = createCheckedWorld();
  world.slow.set('m1', 10 * minute);
  world.listening.set('m1:80', ok).set('m1:81', 'hangs').set('m2:80', ok);
  const placements = [
    checked('job@m1', [process]),
    checked('web@m1', [httpOn(80)]),
    checked('ill@m1', [httpOn(81)], { retries: 1 }),
    checked('web@m2', [httpOn(80)]),
  ];
  begin(world).update(placements, [m1, m2]);
  await world.clock.advance(2000);
  expect(states()).toMatchObject({ 'web@m1': 'healthy', 'web@m2': 'healthy' });
  await world.clock.advance(10_000);
  expect(states()).toEqual({ 'job@m1': 'unknown', 'web@m1': 'healthy', 'ill@m1': 'unhealthy', 'web@m2': 'healthy' });
});

test('a round that outlasts the interval is not begun twice', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', 'hangs');
  begin(world).update([checked('web@m1', [httpOn(80)], { timeoutMs: 100_000 })], [m1]);
  await world.clock.advance(90_000);
  expect(asksOf(world, 'http')).toHaveLength(1);
  await world.clock.advance(60_000);
  expect(asksOf(world, 'http')).toHaveLength(2);
});

test('an unreachable machine is unknown, whatever was before, and healthy again by one success', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok);
  begin(world).update([checked('web@m1', [httpOn(80)])], [m1]);
  await world.clock.advance(2000);
  world.unreachable.add('m1');
  await world.clock.advance(5 * minute);
  world.unreachable.clear();
  await world.clock.advance(minute);
  expect(story()).toEqual(['web@m1 unknown → healthy', 'web@m1 healthy → unknown', 'web@m1 unknown → healthy']);
  expect(told.map(one => one.unreached)).toEqual([undefined, true, undefined]);
});

test('a planned change is starting, not unhealthy: nothing is asked until it is over, then at once', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok);
  begin(world).update([checked('web@m1', [httpOn(80)], { retries: 1, startPeriodMs: 20_000 })], [m1]);
  await world.clock.advance(2000);
  monitor.pause('web@m1');
  world.listening.set('m1:80', 'refused');
  const before = world.asked.length;
  await world.clock.advance(5 * minute);
  expect(world.asked).toHaveLength(before);
  monitor.resume('web@m1');
  await world.clock.advance(10_000);
  expect(world.asked).toHaveLength(before + 1);
  expect(states()).toEqual({ 'web@m1': 'starting' });
  world.listening.set('m1:80', ok);
  await world.clock.advance(minute);
  expect(story()).toEqual(['web@m1 unknown → healthy', 'web@m1 healthy → starting', 'web@m1 starting → healthy']);
  expect(told.map(transition => transition.planned)).toEqual([false, true, false]);
});

test('an answer that was asked for before a change began does not count', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', 'hangs');
  begin(world).update([checked('web@m1', [httpOn(80)], { retries: 1 })], [m1]);
  await world.clock.advance(2000);
  monitor.pause('web@m1');
  await world.clock.advance(minute);
  expect(story()).toEqual(['web@m1 unknown → starting']);
});

test('what is paused before it is known stays so', async () => {
  const world = createCheckedWorld();
  begin(world).pause('new@m1');
  monitor.update([checked('new@m1', [httpOn(80)], { retries: 1 })], [m1]);
  await world.clock.advance(minute);
  expect(states()).toEqual({ 'new@m1': 'starting' });
  expect(world.asked).toEqual([]);
  world.listening.set('m1:80', ok);
  monitor.resume('new@m1');
  await world.clock.advance(0);
  expect(states()).toEqual({ 'new@m1': 'healthy' });
});

test('suspended is left alone, by placement and by machine, and asked at once when it is over', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok).set('m2:80', ok);
  const [web1, web2] = [checked('web@m1', [httpOn(80)]), checked('web@m2', [httpOn(80)])];
  const asleep = { key: web1.key, spec: { ...web1.spec, suspend: 'being repaired' } };
  begin(world).update([asleep, web2], [m1, { machine: aMachine('m2', { suspend: true }), cluster: 'home' }]);
  await world.clock.advance(5 * minute);
  expect(world.asked).toEqual([]);
  expect([...monitor.status().values()].map(({ state, found }) => [state, found])).toEqual([
    ['suspended', 'being repaired'],
    ['suspended', 'suspended'],
  ]);
  monitor.update([web1, web2], [m1, m2]);
  await world.clock.advance(0);
  expect(states()).toEqual({ 'web@m1': 'healthy', 'web@m2': 'healthy' });
});

test('an update keeps what is known, forgets what is gone, and asks a changed check at once', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok).set('m1:81', ok).set('m2:80', ok);
  const web = checked('web@m1', [httpOn(80)]);
  begin(world).update([web, checked('old@m2', [httpOn(80)])], [m1, m2]);
  await world.clock.advance(2000);
  const asked = world.asked.length;
  const since = monitor.status().get('web@m1')?.since;
  monitor.update([web, checked('new@m1', [httpOn(81)])], [m1]);
  await world.clock.advance(0);
  expect(world.asked).toHaveLength(asked);
  expect(monitor.status().get('web@m1')).toMatchObject({ state: 'healthy', since });
  expect([...monitor.status().keys()]).toEqual(['web@m1', 'new@m1']);
  monitor.update([checked('web@m1', [httpOn(81)])], [m1]);
  await world.clock.advance(0);
  expect(world.asked.slice(asked).map(line => line.split(' ').slice(1).join(' '))).toEqual(['http m1:81']);
  await world.clock.advance(10 * minute);
  expect(asksOf(world, 'm2')).toHaveLength(1);
});

test('as many machines as there may be are checked at once without a warning', async () => {
  const warnings: string[] = [];
  const note = (warning: Error) => void warnings.push(warning.name);
  globalThis.process.on('warning', note);
  const world = createCheckedWorld();
  const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
  for (const name of names) world.slow.set(name, 5000);
  const machines = names.map(name => ({ machine: aMachine(name), cluster: 'home' }));
  begin(world).update(
    names.map(name => checked(`job@${name}`, [process])),
    machines,
  );
  await world.clock.advance(2000);
  expect(asksOf(world, 'exec')).toHaveLength(20);
  await world.clock.advance(10_000);
  globalThis.process.off('warning', note);
  expect(warnings).toEqual([]);
});

test('what is watched no more becomes unknown, by plan, so that its last state does not go on for ever', async () => {
  const world = createCheckedWorld();
  for (const port of ['m1:80', 'm1:81', 'm2:80']) world.listening.set(port, ok);
  const all = [checked('web@m1', [httpOn(80)]), checked('api@m1', [httpOn(81)]), checked('web@m2', [httpOn(80)])];
  begin(world).update(all, [m1, m2]);
  await world.clock.advance(5000);
  told.length = 0;
  monitor.update(all.slice(0, 1), [m1]);
  expect(told.map(({ key, from, to, planned }) => [key, from, to, planned])).toEqual([
    ['web@m2', 'healthy', 'unknown', true],
    ['api@m1', 'healthy', 'unknown', true],
  ]);
  monitor.update(all, [m1, m2]);
  await world.clock.advance(5000);
  expect(story().slice(2).toSorted()).toEqual(['api@m1 unknown → healthy', 'web@m2 unknown → healthy']);
});

test('an end leaves no wait behind and tells nothing afterwards', async () => {
  const world = createCheckedWorld();
  world.slow.set('m1', 3000);
  world.runners.set('job@m1', runs());
  begin(world).update([checked('job@m1', [process]), checked('web@m2', [httpOn(80)])], [m1, m2]);
  await world.clock.advance(2000);
  expect(asksOf(world, 'exec')).toHaveLength(1);
  await monitor.stop();
  await world.clock.advance(0);
  expect(world.clock.wakesAt()).toEqual([]);
  monitor.update([checked('job@m1', [process])], [m1]);
  await world.clock.advance(minute);
  expect(told).toEqual([]);
  expect(world.asked).toHaveLength(2);
});
