// Checking once: every placement has one verdict, in parallel, within a time limit, and unknown is no failure.
import { expect, test } from 'vitest';
import type { HealthCheck, PlacementKey } from '../../schema/registry-types.js';
import { checkOnce } from '../../reconciler/loop/check.js';
import { tracesAt } from '../abort-traces.js';
import { createCheckedWorld, runs } from '../fakes/checked-world.js';
import { aMachine, checked, httpOn, tcpOn } from '../fakes/specs.js';

const m1 = { machine: aMachine('m1'), cluster: 'home' };
const m2 = { machine: aMachine('m2'), cluster: 'home' };
const ok = { status: 200, body: '' };
const command = (word: string): HealthCheck => ({ type: 'command', command: [word] });

test('every kind of check has its verdict, and one exec serves all that need one', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', ok).set('m1:81', { status: 503, body: '' }).set('m1:82', ok);
  world.runners.set('worker@m1', runs()).set('dead@m1', runs({ run: 'failed', detail: 'exit code 1' }));
  world.commands.set('m1 good', 0).set('m1 bad', 4);
  const placements = [
    checked('web@m1', [httpOn(80)]),
    checked('ill@m1', [httpOn(81)]),
    checked('closed@m1', [tcpOn(99)]),
    checked('worker@m1', [{ type: 'process' }, tcpOn(82)]),
    checked('dead@m1', [{ type: 'process' }, tcpOn(82)]),
    checked('good@m1', [command('good')]),
    checked('bad@m1', [command('bad'), command('good')]),
  ];
  const verdicts = await checkOnce(placements, [m1], world.lists, world.ports);
  expect(Object.fromEntries(verdicts)).toEqual({
    'web@m1': { state: 'pass', found: 'HTTP 200' },
    'ill@m1': { state: 'fail', found: 'HTTP 503' },
    'closed@m1': { state: 'fail', found: 'connection refused' },
    'worker@m1': { state: 'pass', found: 'running; port 82 accepts' },
    'dead@m1': { state: 'fail', found: 'failed: exit code 1' },
    'good@m1': { state: 'pass', found: 'exit code 0' },
    'bad@m1': { state: 'fail', found: 'exit code 4' },
  });
  expect(world.asked.filter(line => line.includes('exec'))).toHaveLength(1);
  expect(world.clock.wakesAt()).toEqual([]);
});

test('what a probe just saw is not looked at again', async () => {
  const world = createCheckedWorld();
  const sightings = { 'worker@m1': runs(), 'gone@m1': { state: 'absent' as const } };
  const placements = [checked('worker@m1', [{ type: 'process' }]), checked('gone@m1', [{ type: 'process' }])];
  const verdicts = await checkOnce(placements, [m1], world.lists, world.ports, { sightings });
  expect([...verdicts.values()].map(verdict => verdict.state)).toEqual(['pass', 'fail']);
  expect(world.asked).toEqual([]);
});

test('an unreachable machine is unknown, not failed, and the others are answered', async () => {
  const world = createCheckedWorld();
  world.unreachable.add('m1');
  world.listening.set('m2:80', ok);
  const placements = [
    checked('web@m1', [httpOn(80)]),
    checked('job@m1', [{ type: 'process' }]),
    checked('web@m2', [httpOn(80)]),
  ];
  const verdicts = await checkOnce(placements, [m1, m2], world.lists, world.ports);
  const unknown = { state: 'unknown', found: 'm1 cannot be reached', unreached: true };
  expect(Object.fromEntries(verdicts)).toEqual({
    'web@m1': unknown,
    'job@m1': unknown,
    'web@m2': { state: 'pass', found: 'HTTP 200' },
  });
});

test('refused forwarding is unknown; a port that hangs fails at the check’s own limit', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', 'forward refused').set('m1:81', 'hangs');
  const verdicts = checkOnce(
    [checked('a@m1', [httpOn(80)]), checked('b@m1', [httpOn(81)])],
    [m1],
    world.lists,
    world.ports,
  );
  await world.clock.advance(5000);
  expect(Object.fromEntries(await verdicts)).toEqual({
    'a@m1': { state: 'unknown', found: 'no forwarding' },
    'b@m1': { state: 'fail', found: 'no answer within 5 s' },
  });
});

test('a machine that does not come to an end is unknown at the time limit; the others are known', async () => {
  const world = createCheckedWorld();
  world.slow.set('m1', 60_000);
  world.runners.set('job@m2', runs());
  const placements = [checked('job@m1', [{ type: 'process' }]), checked('job@m2', [{ type: 'process' }])];
  const verdicts = checkOnce(placements, [m1, m2], world.lists, world.ports, { timeLimitMs: 3000 });
  await world.clock.advance(3000);
  expect(Object.fromEntries(await verdicts)).toEqual({
    'job@m1': { state: 'unknown', found: 'not answered within 3 s' },
    'job@m2': { state: 'pass', found: 'running' },
  });
  await world.clock.advance(0);
  expect(world.clock.wakesAt()).toEqual([]);
});

test('a command that holds the exec up does not take the answers of the others along', async () => {
  const world = createCheckedWorld();
  world.commands.set('m1 hangs', 'hangs').set('m1 good', 0);
  world.runners.set('job@m1', runs());
  const placements = [
    checked('a@m1', [command('hangs')]),
    checked('b@m1', [command('good')]),
    checked('job@m1', [{ type: 'process' }]),
  ];
  const verdicts = checkOnce(placements, [m1], world.lists, world.ports, { timeLimitMs: 60_000 });
  await world.clock.advance(15_000);
  expect([...(await verdicts).values()].map(verdict => verdict.state)).toEqual(['unknown', 'pass', 'pass']);
});

test('a placement whose machine is not given is unknown', async () => {
  const world = createCheckedWorld();
  const verdicts = await checkOnce([checked('web@m9', [httpOn(80)])], [m1], world.lists, world.ports);
  expect(verdicts.get('web@m9')).toEqual({ state: 'unknown', found: 'its machine was not looked at' });
});

test('a type that no driver knows is unknown', async () => {
  const world = createCheckedWorld();
  const key: PlacementKey = 'box@m1';
  const verdicts = await checkOnce(
    [checked(key, [{ type: 'docker' }], {}, { type: 'docker' })],
    [m1],
    world.lists,
    world.ports,
  );
  expect(verdicts.get(key)?.state).toBe('unknown');
});

test('nothing of it is left at the signal of whoever asked', async () => {
  const world = createCheckedWorld();
  world.listening.set('m1:80', 'hangs');
  const { signal } = new AbortController();
  const once = checkOnce([checked('a@m1', [httpOn(80)])], [m1], world.lists, world.ports, { signal, timeLimitMs: 100 });
  await world.clock.advance(100);
  expect((await once).get('a@m1')?.state).toBe('unknown');
  expect(tracesAt(signal)).toBe(0);
});
