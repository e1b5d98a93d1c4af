// In which waves changes stand: by who depends on whom, also through services that do not change.
import { beforeEach, expect, test } from 'vitest';
import type { DesiredState } from '../../schema/state.js';
import { diff } from '../../reconciler/core/diff.js';
import { parse } from '../../reconciler/core/parse.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { FakeFleet } from '../fakes/fleet.js';

/** a ← b ← c ← d, on two machines; e beside them. */
const text = `machines:
  m1: {host: 10.0.0.1, user: root, platform: linux}
  m2: {host: 10.0.0.2, user: root, platform: linux}
services:
  a: {type: native, machine: m1, path: /opt/a, command: /bin/serve}
  b: {type: native, machine: m2, path: /opt/b, command: /bin/serve, depends_on: [a]}
  c: {type: native, machine: m1, path: /opt/c, command: /bin/serve, depends_on: [b]}
  d: {type: native, machine: m1, path: /opt/d, command: /bin/serve, depends_on: [c]}
  e: {type: native, machine: m1, path: /opt/e, command: /bin/serve}
`;

function desiredState(): DesiredState {
  const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
  if (registry === undefined) throw new Error('the registry is refused');
  return resolve(registry, { commit: 'c', rootCommit: 'root', gathered: new Map() }, drivers);
}

const desired = desiredState();
let fleet: FakeFleet;

/** `a e | b`: waves and what stands in them. */
function waves(services?: readonly string[]): string {
  const differences = diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] });
  const plan = makePlan(differences, desired, services === undefined ? {} : { services: new Set(services) });
  return plan.waves
    .map(wave =>
      wave
        .map(one => one.service)
        .toSorted()
        .join(' '),
    )
    .join(' | ');
}

beforeEach(() => {
  fleet = new FakeFleet(drivers);
});

function stopped(...services: readonly string[]): void {
  const differences = diff(desired, fleet.look(desired), { drivers, busy: new Set(), again: new Set(), leaving: [] });
  fleet.apply(makePlan(differences, desired), desired);
  for (const machine of fleet.machines.values())
    for (const [name, runner] of machine.runners) if (services.includes(name)) runner.run = 'stopped';
}

test('all of them, first', () => {
  expect(waves()).toBe('a e | b | c | d');
});

test.each([
  [['a', 'c'], 'a | c'],
  [['a', 'd', 'e'], 'a e | d'],
  [['b', 'd'], 'b | d'],
  [['c', 'e'], 'c e'],
])('%j stopped: in order also over what did not change', (services, expected) => {
  stopped(...services);
  expect(waves()).toBe(expected);
});

test('what was not chosen holds nothing up', () => {
  stopped('a', 'd');
  expect(waves(['d'])).toBe('a | d');
  expect(waves(['a'])).toBe('a');
});
