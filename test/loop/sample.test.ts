// What passes hand to history: one measurement a machine and interval, with rates from the second on, and none where nothing is kept.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Measurement } from '../../schema/samples.js';
import type { DesiredState, LiveState, MachineFacts, MachineView } from '../../schema/state.js';
import { openSampler, type Sampler } from '../../reconciler/loop/sample.js';
import { createFakeClock, type FakeClock } from '../fakes/clock.js';
import { createFakeStore, type FakeStore } from '../fakes/store.js';

let clock: FakeClock;
let store: FakeStore;
let sample: Sampler;
beforeEach(() => {
  clock = createFakeClock();
  store = createFakeStore(() => clock.now());
  sample = openSampler({ store, clock });
});

const facts = (uptimeSeconds: number): MachineFacts => ({
  platform: 'linux',
  arch: 'amd64',
  kernel: '6.1',
  hostname: 'h',
  bootId: 'b',
  clock: 0,
  uptimeSeconds,
  load1: 1,
  cpus: 1,
  memoryTotalBytes: 0,
  memoryFreeBytes: 0,
  fileSystems: [],
  cpuTicks: { busy: uptimeSeconds * 50, total: uptimeSeconds * 100 },
  network: {},
  uid: 0,
  user: 'root',
  home: '/root',
  serviceManager: 'systemd',
  hasUv: false,
});

const reachable = (uptimeSeconds: number): MachineView => ({
  state: 'reachable',
  facts: facts(uptimeSeconds),
  stateFolder: { path: '/s', exists: true },
  stamps: [],
  listeners: [],
  openSteps: [],
});
const off: MachineView = {
  state: 'unknown',
  error: { code: 'ssh-unreachable', message: 'it is off', hint: 'Look.', retry: 'backoff' },
};

/** A pass that sees these machines, with how long each is up. */
function look(machines: Readonly<Record<string, MachineView>>, intervalMs = 60_000): void {
  const names = Object.keys(machines);
  const spec = (machine: string) => ({ service: 'web', machine });
  const desired = {
    machines: names.map(name => ({ name })),
    placements: names.map(name => ({ key: `web@${name}`, spec: spec(name) })),
    policy: { intervalMs },
  } as unknown as DesiredState;
  const sightings = Object.fromEntries(
    names.map(name => {
      const view = machines[name];
      const up = view?.state === 'reachable' ? view.facts.uptimeSeconds : 0;
      const usage = { cpuSeconds: { c1: up / 4 }, memoryBytes: 5 };
      return [`web@${name}`, { state: 'present', run: 'running', settings: { restarts: '2' }, usage }];
    }),
  ) as unknown as LiveState['sightings'];
  sample({ desired, live: { takenAt: clock.now(), machines, sightings } });
}

const measured = (): readonly Measurement[] =>
  store.records.flatMap(one => (one.kind === 'samples' ? [one.measurement] : []));
const told = () => measured().map(({ machine, values }) => [machine, values['uptime_seconds'], values['cpu_ratio']]);

describe('passes of the controller', () => {
  it('measure each machine that answers, with rates from the second time on', async () => {
    look({ m1: reachable(100), m2: off });
    await clock.advance(60_000);
    look({ m1: reachable(160), m2: reachable(7) });
    expect(told()).toEqual([
      ['m1', 100, undefined],
      ['m1', 160, 0.5],
      ['m2', 7, undefined],
    ]);
    expect(measured()[1]).toMatchObject({ at: clock.now(), values: { 'service_restarts:web': 2 } });
    expect(measured().map(one => one.values['service_cpu_cores:web'])).toEqual([undefined, 0.25, undefined]);
  });

  it('measure once an interval, however many passes there are, and never every moment', async () => {
    for (let second = 0; second <= 120; second += 5) {
      look({ m1: reachable(100 + second) });
      await clock.advance(5000);
    }
    expect(told().map(([, uptime]) => uptime)).toEqual([100, 160, 220]);
    store.records.length = 0;
    for (let second = 0; second <= 20; second += 1) {
      look({ m3: reachable(second) }, 1000);
      await clock.advance(1000);
    }
    expect(told().map(([, uptime]) => uptime)).toEqual([0, 10, 20]);
  });

  it('forget a machine that left, so that another of its name has no rates of it', async () => {
    look({ m1: reachable(100) });
    await clock.advance(60_000);
    look({ m2: reachable(1) });
    await clock.advance(60_000);
    look({ m1: reachable(220) });
    expect(told().at(-1)).toEqual(['m1', 220, undefined]);
  });

  it('hand over nothing where no history can be kept', () => {
    const none = { state: 'none', why: 'none here', hint: 'Install it.' } as const;
    sample = openSampler({ store: { ...store, state: () => none }, clock });
    look({ m1: reachable(100) });
    expect(store.records).toEqual([]);
  });
});
