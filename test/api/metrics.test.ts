// Measurements as text, and the operation that asks the store for them.
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { timeText } from '../../api/cli/render/history.js';
import { metricsText } from '../../api/cli/render/metrics.js';
import { metrics } from '../../reconciler/operations/metrics.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { createFakePorts } from '../fakes/ports.js';

const plain = createPaint(false);
const at = new Date(2026, 0, 31, 12, 30, 1).getTime();
const gib = 1024 ** 3;

const first = { load1: 0.25, memory_total_bytes: 8 * gib, memory_used_bytes: 2 * gib };
const full = {
  ...first,
  cpu_ratio: 0.1234,
  temperature_celsius: 41.52,
  'disk_used_bytes:/': 95 * gib,
  'disk_total_bytes:/': 100 * gib,
  'disk_used_bytes:/a\u001B[31m': 1,
  'disk_total_bytes:/a\u001B[31m': 2,
  'disk_used_bytes:/b': 1,
  'disk_total_bytes:/b': 4,
  'disk_used_bytes:/c': 0,
  'disk_total_bytes:/c': 4,
  'received_bytes_per_second:eth0': 1000,
  'received_bytes_per_second:eth1': 560,
  'sent_bytes_per_second:eth0': 0.4,
  'sent_bytes_per_second:eth1': 12,
};

describe('measurements', () => {
  it('are a line for each machine, with a dash for what is not known', () => {
    const newest = [
      { machine: 'm1', at, values: full },
      { machine: 'm2', at: at - 3_600_000, values: first },
    ];
    const disks = '/ 95%, /a?[31m 50%, /b 25%, 1 more';
    const lines = metricsText({ at: at + 1000, newest }, plain).split('\n');
    const cells = lines.map(line => line.split(/ {2,}/));
    expect(cells).toEqual([
      ['MACHINE', 'WHEN', 'CPU', 'MEMORY', 'DISKS', 'LOAD', 'TEMP', 'NET IN', 'NET OUT'],
      ['m1', timeText(at), '12.3%', '25% of 8.0 GiB', disks, '0.25', '41.5 °C', '1.5 KiB/s', '12 B/s'],
      ['m2', `${timeText(at - 3_600_000)} (old)`, '-', '25% of 8.0 GiB', '-', '0.25', '-', '-', '-'],
    ]);
  });

  it('of services are a line for each placement', () => {
    const used = {
      'service_cpu_cores:web': 1.25,
      'service_memory_bytes:web': 3 * gib,
      'service_restarts:web': 2,
      'service_uptime_seconds:web': 90_000,
      'service_restarts:db': 0,
    };
    const newest = [
      { machine: 'm1', at, values: { ...first, ...used } },
      { machine: 'm2', at, values: { 'service_cpu_cores:web': 0.004 } },
    ];
    const [machines = '', services = ''] = metricsText({ at, newest }, plain).split('\n\n');
    expect(machines.split('\n')).toHaveLength(2);
    expect(services.split('\n').map(line => line.split(/ {2,}/))).toEqual([
      ['SERVICE', 'WHEN', 'CORES', 'MEMORY', 'RESTARTS', 'UP FOR'],
      ['db@m1', timeText(at), '-', '-', '0', '-'],
      ['web@m1', timeText(at), '1.25', '3.0 GiB', '2', '1d 1h'],
      ['web@m2', timeText(at), '0.00', '-', '-', '-'],
    ]);
    expect(metricsText({ at, newest: newest.slice(1) }, plain)).toMatch(/^SERVICE/);
  });

  it('over a time are a line for each measure, in its unit', () => {
    const span = (name: string, min: number, avg: number, max: number) => ({
      machine: 'm1',
      name,
      count: 3,
      min,
      avg,
      max,
    });
    const spans = [
      span('cpu_ratio', 0, 0.5, 1),
      span('disk_used_bytes:/', 0, 1536, 300 * gib),
      span('load1', 0, 1 / 3, 1),
      span('uptime_seconds', 59, 3700, 90_000),
    ];
    const cells = metricsText({ at, newest: [], spans }, plain)
      .split('\n')
      .map(line => line.split(/ {2,}/));
    expect(cells).toEqual([
      ['MACHINE', 'MEASURE', 'MIN', 'AVG', 'MAX'],
      ['m1', 'cpu_ratio', '0.0%', '50.0%', '100.0%'],
      ['m1', 'disk_used_bytes:/', '0 B', '1.5 KiB', '300 GiB'],
      ['m1', 'load1', '0', '0.33', '1'],
      ['m1', 'uptime_seconds', '59s', '1h 1m', '1d 1h'],
    ]);
  });

  it('that are not there are not made up', () => {
    for (const found of [
      { at, newest: [] },
      { at, newest: [], spans: [] },
    ])
      expect(metricsText(found, plain)).toContain('Nothing was measured');
  });
});

describe('the operation', () => {
  const ports = createFakePorts();
  const context = { ports } as unknown as Context;
  const now = Date.now();
  const measured = [
    { machine: 'm1', at: now - 60_000, values: { load1: 1 } },
    { machine: 'm1', at: now - 30_000, values: { load1: 3 } },
    { machine: 'm2', at: now - 30_000, values: { load1: 9 } },
  ];
  for (const measurement of measured) ports.store.record({ kind: 'samples', measurement });
  const asked = { ...context, ports: { ...ports, clock: { ...ports.clock, now: () => now } } };

  it('answers the newest ones, of all or of one machine', async () => {
    expect(await metrics.run(asked, {})).toEqual({ at: now, newest: [measured[1], measured[2]] });
    expect(await metrics.run(asked, { machine: 'm2' })).toEqual({ at: now, newest: [measured[2]] });
  });

  it('answers for one service, on all its machines or on one', async () => {
    const values = { load1: 1, 'service_restarts:web': 2, 'service_restarts:web-2': 9 };
    const own = createFakePorts();
    for (const machine of ['m1', 'm2'])
      own.store.record({ kind: 'samples', measurement: { machine, at: now - 1000, values } });
    const within = { ...context, ports: { ...own, clock: { ...own.clock, now: () => now } } };
    const of = (machine: string) => ({ machine, at: now - 1000, values: { 'service_restarts:web': 2 } });
    expect((await metrics.run(within, { service: 'web' })).newest).toEqual([of('m1'), of('m2')]);
    expect((await metrics.run(within, { service: 'web@m2' })).newest).toEqual([of('m2')]);
    expect((await metrics.run(within, { service: 'web@m2', machine: 'm1' })).newest).toEqual([]);
    expect((await metrics.run(within, { service: 'we' })).newest).toEqual([]);
    const { spans } = await metrics.run(within, { service: 'web@m1', since: 0 });
    expect(spans?.map(one => `${one.machine} ${one.name}`)).toEqual(['m1 service_restarts:web']);
  });

  it('answers the least, the average and the most since a time', async () => {
    const { spans } = await metrics.run(asked, { machine: 'm1', since: now - 60_000 });
    expect(spans).toEqual([{ machine: 'm1', name: 'load1', count: 2, min: 1, avg: 2, max: 3 }]);
    expect((await metrics.run(asked, { since: now - 30_000 })).spans).toHaveLength(2);
  });
});
