// Uptime as text, and the operation that works it out from what the store and the controller's note say.
import { beforeEach, describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { timeText } from '../../api/cli/render/history.js';
import { uptimeText } from '../../api/cli/render/uptime.js';
import type { Context } from '../../reconciler/operations/operation.js';
import { uptime } from '../../reconciler/operations/uptime.js';
import type { Ports } from '../../reconciler/ports.js';
import type { HealthState } from '../../schema/state.js';
import { createFakePorts } from '../fakes/ports.js';

const plain = createPaint(false);
const hour = 3_600_000;
const now = new Date(2026, 0, 31, 12, 30, 1).getTime();

describe('uptime', () => {
  it('is a line for each placement, and never rounded up', () => {
    const some = { upMs: 29 * 24 * hour, downMs: 60_000, plannedMs: 0, unknownMs: 24 * hour, failures: 1 };
    const placements = [
      { key: 'db@m1', machine: 'm1', ...some, downMs: 0, failures: 0, availability: 1 },
      { key: 'web@m1', machine: 'm1', ...some, availability: 0.999_996, mtbfMs: 29 * 24 * hour, mttrMs: 60_000 },
      { key: 'web@m2', machine: 'm2', upMs: 0, downMs: 0, plannedMs: 5000, unknownMs: 0, failures: 0, downSince: now },
    ] as const;
    const [time, ...lines] = uptimeText({ from: now - hour, to: now, placements }, plain).split('\n');
    expect(time).toBe(`${timeText(now - hour)} to ${timeText(now)}`);
    expect(lines.map(line => line.split(/ {2,}/))).toEqual([
      ['SERVICE', 'AVAILABLE', 'UP', 'DOWN', 'PLANNED', 'UNKNOWN', 'FAILURES', 'MTBF', 'MTTR'],
      ['db@m1', '100%', '29d 0h', '0s', '0s', '1d 0h', '0', '-', '-'],
      ['web@m1', '99.999%', '29d 0h', '1m', '0s', '1d 0h', '1', '29d 0h', '1m'],
      ['web@m2', '-', '0s', '0s', '5s', '0s', '0', '-', '-', `down since ${timeText(now)}`],
    ]);
  });

  it('that nobody watched is not made up', () => {
    expect(uptimeText({ from: 0, to: now, placements: [] }, plain)).toContain('Nothing was watched');
  });
});

describe('the operation', () => {
  let ports: Ports;
  beforeEach(() => {
    const made = createFakePorts();
    const { state, clock } = made;
    ports = {
      ...made,
      clock: { ...clock, now: () => now },
      state: { ...state, runs: name => name === state.processName },
    };
  });
  const ask = (input: object = {}) => uptime.run({ ports } as unknown as Context, input);
  const moved = (key: string, hoursAgo: number, from: HealthState, to: HealthState, lastedHours: number) => {
    const [, machine = ''] = key.split('@');
    const move = { id: `${key} ${hoursAgo}`, key: key as 'a@b', machine, from, to, found: '', planned: false };
    ports.store.record({
      kind: 'transition',
      transition: { ...move, at: now - hoursAgo * hour, lastedMs: lastedHours * hour },
    });
  };
  const lived = (kind: 'controller.started' | 'controller.stopped', hoursAgo: number, seenUntilHoursAgo?: number) => {
    const data = seenUntilHoursAgo === undefined ? {} : { data: { seenUntil: now - seenUntilHoursAgo * hour } };
    const event = { id: `${kind} ${hoursAgo}`, at: now - hoursAgo * hour, kind, text: '', ...data };
    ports.store.record({ kind: 'event', event });
  };
  const runsHere = () => ports.state.write('controller', { process: ports.state.processName });

  it('counts up to now while a controller runs, by service and since a time', async () => {
    await runsHere();
    moved('web@m1', 100, 'unknown', 'healthy', 1);
    moved('web@m1', 10, 'healthy', 'unhealthy', 90);
    moved('web@m1', 8, 'unhealthy', 'healthy', 2);
    moved('web@m2', 1000, 'unknown', 'healthy', 1);
    moved('db@m1', 5, 'unknown', 'starting', 1);
    const all = await ask();
    expect([all.from, all.to]).toEqual([now - 30 * 24 * hour, now]);
    expect(all.placements.map(one => [one.key, one.upMs / hour, one.downMs / hour, one.failures])).toEqual([
      ['db@m1', 0, 0, 0],
      ['web@m1', 98, 2, 1],
      ['web@m2', 720, 0, 0],
    ]);
    const { placements } = await ask({ service: 'web@m1', since: now - 9 * hour });
    expect(placements).toEqual([
      {
        key: 'web@m1',
        machine: 'm1',
        upMs: 8 * hour,
        downMs: hour,
        plannedMs: 0,
        unknownMs: 0,
        failures: 1,
        availability: 8 / 9,
        mtbfMs: 8 * hour,
        mttrMs: hour,
      },
    ]);
    expect((await ask({ service: 'web' })).placements.map(one => one.key)).toEqual(['web@m1', 'web@m2']);
    expect((await ask({ service: 'nobody' })).placements).toEqual([]);
  });

  it('counts nothing for when no controller ran, also where one was killed', async () => {
    await runsHere();
    moved('web@m1', 100, 'unknown', 'healthy', 1);
    lived('controller.started', 102);
    lived('controller.started', 40, 60);
    moved('web@m1', 39, 'unknown', 'healthy', 1);
    lived('controller.stopped', 20);
    lived('controller.started', 10);
    expect((await ask()).placements).toMatchObject([{ upMs: (40 + 19) * hour, downMs: 0, availability: 1 }]);
  });

  it('counts up to the last one that is known of, when none runs', async () => {
    moved('web@m1', 100, 'unknown', 'healthy', 1);
    expect((await ask()).placements).toEqual([]);
    await ports.state.write('controller', { process: 'gone:1', lastPass: { endedAt: now - 30 * hour } });
    expect((await ask()).placements).toMatchObject([{ upMs: 70 * hour }]);
    lived('controller.stopped', 50);
    expect((await ask()).placements).toMatchObject([{ upMs: 50 * hour }]);
  });
});
