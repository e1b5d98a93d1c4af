// What a look measures: tables for what is left out, and properties of rates over any two looks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measure } from '../../reconciler/core/samples.js';
import { choiceOf } from '../../schema/samples.js';
import type { MachineFacts, Sighting, UsageSeen } from '../../schema/state.js';

const facts = (more: Partial<MachineFacts> = {}): MachineFacts => ({
  platform: 'linux',
  arch: 'amd64',
  kernel: '6.1',
  hostname: 'm1',
  bootId: 'b1',
  clock: 1_764_300_000,
  uptimeSeconds: 1000,
  load1: 0.5,
  cpus: 2,
  memoryTotalBytes: 8000,
  memoryFreeBytes: 6000,
  fileSystems: [{ mount: '/', totalBytes: 100, freeBytes: 40, inodesFreePercent: 75 }],
  cpuTicks: { busy: 100, total: 1000 },
  network: { eth0: { receivedBytes: 1000, sentBytes: 500 } },
  temperatureCelsius: 41.5,
  uid: 0,
  user: 'root',
  home: '/root',
  serviceManager: 'systemd',
  hasUv: false,
  ...more,
});

const level = {
  load1: 0.5,
  cpus: 2,
  uptime_seconds: 1000,
  temperature_celsius: 41.5,
  memory_total_bytes: 8000,
  memory_used_bytes: 2000,
  'disk_total_bytes:/': 100,
  'disk_used_bytes:/': 60,
  'inodes_used_ratio:/': 0.25,
};
const isRate = (name: string): boolean => name === 'cpu_ratio' || name.includes('_per_second:');
const rates = (now: MachineFacts, before?: MachineFacts) =>
  Object.fromEntries(Object.entries(measure(now, [], before)).filter(([name]) => isRate(name)));

describe('a look', () => {
  it('measures what the machine says, and no rate by itself', () => {
    expect(measure(facts())).toEqual(level);
  });

  it('measures rates since the look before', () => {
    const now = facts({
      uptimeSeconds: 1060,
      cpuTicks: { busy: 130, total: 1120 },
      network: { eth0: { receivedBytes: 7000, sentBytes: 500 }, eth1: { receivedBytes: 9, sentBytes: 9 } },
    });
    expect(rates(now, facts())).toEqual({
      cpu_ratio: 0.25,
      'received_bytes_per_second:eth0': 100,
      'sent_bytes_per_second:eth0': 0,
    });
  });

  const later = { uptimeSeconds: 1060, cpuTicks: { busy: 130, total: 1120 } };
  const moved = { receivedBytes: 2000, sentBytes: 900 };
  it.each<[string, Partial<MachineFacts>, readonly string[]]>([
    ['it was booted in between', { ...later, bootId: 'b2', network: { eth0: moved } }, []],
    ['its time since boot went back', { ...later, uptimeSeconds: 5, network: { eth0: moved } }, []],
    ['no time has passed', { ...later, uptimeSeconds: 1000, network: { eth0: moved } }, []],
    [
      'an interface was made anew',
      { ...later, network: { eth0: { receivedBytes: 1, sentBytes: 900 } } },
      ['cpu_ratio'],
    ],
    ['ticks went back', { ...later, cpuTicks: { busy: 90, total: 1120 }, network: {} }, []],
    ['nobody counted', { ...later, cpuTicks: { busy: 100, total: 1000 }, network: {} }, []],
  ])('has no rate where %s', (_, more, expected) => {
    expect(Object.keys(rates(facts(more), facts()))).toEqual(expected);
  });

  it('leaves out what is not said, and what is not of the machine itself', () => {
    const {
      cpuTicks: _,
      temperatureCelsius: __,
      ...rest
    } = facts({
      memoryTotalBytes: 0,
      fileSystems: [
        { mount: '/snap/core/1', totalBytes: 10, freeBytes: 0 },
        { mount: '/var/lib/docker/overlay2/x/merged', totalBytes: 10, freeBytes: 1 },
        { mount: '/empty', totalBytes: 0, freeBytes: 0 },
        { mount: '/data', totalBytes: 10, freeBytes: 12 },
      ],
      network: { veth12: moved, 'br-1': moved, docker0: moved },
    });
    expect(measure(rest, [], { ...rest, uptimeSeconds: 1 })).toEqual({
      load1: 0.5,
      cpus: 2,
      uptime_seconds: 1000,
      'disk_total_bytes:/data': 10,
      'disk_used_bytes:/data': 0,
    });
  });

  it('measures how long a service runs, and how often it was started again', () => {
    const seen = { state: 'present', pids: [], images: {}, files: {}, own: {} } as const;
    const services: readonly (readonly [string, Sighting | undefined])[] = [
      ['web', { ...seen, run: 'running', settings: { restarts: '3' }, startedAt: 1_764_299_900 }],
      ['ill', { ...seen, run: 'failed', settings: { restarts: '9' }, startedAt: 1_764_299_900 }],
      ['plain', { ...seen, run: 'running', settings: { restarts: 'many' } }],
      ['gone', { state: 'absent', files: {}, own: {} }],
      ['never', undefined],
    ];
    const values = measure(
      facts(),
      services.map(([service, sighting]) => ({ service, sighting })),
    );
    expect(Object.fromEntries(Object.entries(values).filter(([name]) => name.startsWith('service_')))).toEqual({
      'service_restarts:web': 3,
      'service_uptime_seconds:web': 100,
      'service_restarts:ill': 9,
    });
  });
});

describe('what a service uses', () => {
  const seen = { state: 'present', run: 'running', settings: {}, pids: [], images: {}, files: {}, own: {} } as const;
  const now = facts({ uptimeSeconds: 1060 });
  const use = (usage: UsageSeen | undefined, before?: UsageSeen, then: MachineFacts | undefined = facts()) =>
    Object.fromEntries(
      Object.entries(
        measure(now, [{ service: 'web', sighting: usage ? { ...seen, usage } : seen, before }], then),
      ).filter(([name]) => name.startsWith('service_')),
    );
  const cpu = (cpuSeconds: Readonly<Record<string, number>>, memoryBytes?: number): UsageSeen => ({
    cpuSeconds,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  });

  it('is its memory now, and the processors that it kept busy since the look before', () => {
    const cores = { 'service_cpu_cores:web': 1.5, 'service_memory_bytes:web': 700 };
    expect(use(cpu({ a: 100, b: 31 }, 700), cpu({ a: 40, b: 1 }, 9))).toEqual(cores);
    expect(use(cpu({ a: 100 }, 700))).toEqual({ 'service_memory_bytes:web': 700 });
    expect(use(cpu({ a: 1 }), cpu({ a: 1 }))).toEqual({ 'service_cpu_cores:web': 0 });
    expect(use(undefined, cpu({ a: 1 }, 9))).toEqual({});
  });

  it.each<[string, Readonly<Record<string, number>>, Readonly<Record<string, number>>, number | undefined]>([
    ['one that began in between counts from the next look on', { a: 70, b: 500 }, { a: 40 }, 0.5],
    ['one that began anew as well', { a: 70, b: 1 }, { a: 40, b: 500 }, 0.5],
    ['one that is gone is left out', { a: 70 }, { a: 40, b: 500 }, 0.5],
    ['all of it began anew', { b: 1 }, { a: 40 }, undefined],
  ])('%s', (_, at, before, cores) => {
    expect(use(cpu(at), cpu(before))['service_cpu_cores:web']).toBe(cores);
  });

  it('has no rate where the machine was booted in between', () => {
    expect(use(cpu({ a: 70 }), cpu({ a: 40 }), facts({ bootId: 'b0' }))).toEqual({});
    expect(use(cpu({ a: 70 }), cpu({ a: 40 }), facts({ uptimeSeconds: 1060 }))).toEqual({});
  });
});

const counters = fc.record({ receivedBytes: fc.nat(), sentBytes: fc.nat() });
const anyFacts = fc
  .record({
    bootId: fc.constantFrom('b1', 'b2', ''),
    uptimeSeconds: fc.nat(10_000),
    load1: fc.constantFrom(0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e300),
    busy: fc.nat(5000),
    idle: fc.nat(5000),
    network: fc.dictionary(fc.constantFrom('eth0', 'wlan0', 'veth1'), counters),
    memoryTotalBytes: fc.nat(),
    memoryFreeBytes: fc.nat(),
  })
  .map(({ busy, idle, ...more }) => facts({ ...more, cpuTicks: { busy, total: busy + idle } }));

describe('any two looks', () => {
  it('give finite values, ratios between nothing and all, and rates that give the bytes back', () => {
    fc.assert(
      fc.property(anyFacts, anyFacts, (before, now) => {
        const values = measure(now, [], before);
        const wrong = Object.entries(values).filter(
          ([name, value]) => !Number.isFinite(value) || value < 0 || (name.includes('_ratio') && value > 1),
        );
        expect(wrong).toEqual([]);
        const seconds = now.uptimeSeconds - before.uptimeSeconds;
        const made = Object.entries(now.network).flatMap(([name, { receivedBytes }]) => {
          const rate = values[`received_bytes_per_second:${name}`];
          const bytes = receivedBytes - (before.network[name]?.receivedBytes ?? Number.NaN);
          return rate === undefined ? [] : [{ same: now.bootId === before.bootId, off: rate * seconds - bytes }];
        });
        expect(made.every(one => one.same && Math.abs(one.off) <= 0.051 * seconds)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('have no rates in either order when the machine was booted between them', () => {
    fc.assert(
      fc.property(anyFacts, anyFacts, (one, other) => {
        fc.pre(one.bootId !== other.bootId);
        expect(rates(one, other)).toEqual({});
        expect(rates(other, one)).toEqual({});
      }),
    );
  });

  it('are as many numbers as are bounded, however many interfaces and file systems there are', () => {
    const many = Array.from({ length: 500 }, (_, n) => n);
    const crowded = facts({
      network: Object.fromEntries(many.map(n => [`eth${n}`, { receivedBytes: n, sentBytes: n }])),
      fileSystems: many.map(n => ({ mount: `/m${n}`, totalBytes: n + 1, freeBytes: 0 })),
    });
    const values = measure({ ...crowded, uptimeSeconds: 2000 }, [], crowded);
    expect(Object.keys(values).length).toBeLessThan(200);
    expect(values).toHaveProperty(['disk_used_bytes:/m499']);
  });
});

describe('what is asked for', () => {
  const now = 1_764_300_000_000;
  const hour = 3_600_000;
  it.each([
    ['an hour', 1, undefined, 'raw', undefined],
    ['an hour in minutes', 1, 60_000, 'raw', 60_000],
    ['an hour in steps of 5 minutes', 1, 300_000, '5m', 300_000],
    ['a day in hours', 24, hour, '1h', hour],
    ['two days', 48, undefined, '5m', 300_000],
    ['two days in minutes', 48, 60_000, '5m', 300_000],
    ['two days in steps of 7 minutes', 48, 420_000, '5m', 600_000],
    ['two months', 24 * 60, undefined, '1h', hour],
    ['two months in steps of 90 minutes', 24 * 60, 1.5 * hour, '1h', 2 * hour],
    ['two years', 24 * 730, undefined, '1h', hour],
  ])('%s', (_, hours, stepMs, resolution, answered) => {
    const ask = { from: now - hours * hour, to: now, ...(stepMs === undefined ? {} : { stepMs }) };
    expect(choiceOf(ask, now)).toMatchObject({
      resolution,
      ...(answered === undefined ? { from: ask.from } : { stepMs: answered }),
    });
  });

  it('is answered in whole steps that hold all of it', () => {
    fc.assert(
      fc.property(
        fc.nat(2 * 366 * 24 * hour),
        fc.nat(hour),
        fc.integer({ min: 1, max: 100_000_000 }),
        (ago, more, stepMs) => {
          const ask = { from: now - ago, to: now - ago + more, stepMs };
          const { from, to, stepMs: step = 0 } = choiceOf(ask, now);
          expect(from <= ask.from && to >= ask.to && ask.from - from < step && to - ask.to < step).toBe(true);
          expect([from % step, to % step, step >= stepMs]).toEqual([0, 0, true]);
        },
      ),
    );
  });
});
