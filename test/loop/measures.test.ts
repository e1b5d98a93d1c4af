// What a controller tells of itself and its fleet: each measure from what it knows, and nothing where it does not know.
import { describe, expect, it } from 'vitest';
import { liveOf, measuresOf } from '../../reconciler/loop/measures.js';
import type { MeasureName } from '../../schema/measures.js';
import { liveParts } from '../fakes/live.js';

type Parts = ReturnType<typeof liveParts>;
const told = (parts: Parts) =>
  measuresOf(liveOf(parts)).map(({ name, labels, value }) => [name, ...labels, value] as const);
const of = (name: MeasureName, parts: Parts = liveParts()) =>
  told(parts)
    .filter(one => one[0] === name)
    .map(([, ...rest]) => rest);

describe('of the controller', () => {
  it('its start, its passes, its repository and its history', () => {
    expect(of('portoser_controller_start_time_seconds')).toEqual([[1000]]);
    expect(of('portoser_passes_total')).toEqual([['settled', 0], ['again', 1], ['stalled', 0]]); // prettier-ignore
    expect(of('portoser_last_pass_timestamp_seconds')).toEqual([[2002]]);
    expect(of('portoser_commit_info')).toEqual([['c0ffee', 1]]);
    expect(of('portoser_git_up')).toEqual([[0]]);
    expect(of('portoser_git_last_check_timestamp_seconds')).toEqual([[1999]]);
    expect(of('portoser_history_up')).toEqual([[0]]);
    expect(of('portoser_history_waiting_records')).toEqual([[12]]);
  });

  it('whether it shares what happens with others, where it is to', () => {
    const sharing = (state: object): Parts => {
      const parts = liveParts();
      const replicas = { state: () => state } as unknown as NonNullable<Parts['context']['ports']['replicas']>;
      return { ...parts, context: { ports: { ...parts.context.ports, replicas } } };
    };
    const up = (parts?: Parts) => of('portoser_replicas_up', parts);
    expect([up(), up(sharing({ state: 'alone' }))]).toEqual([[], []]);
    expect([up(sharing({ state: 'shared' })), up(sharing({ state: 'away', why: 'x' }))]).toEqual([[[1]], [[0]]]);
  });

  it('before its first pass, only what it is', () => {
    const { considered: _, ...parts } = liveParts({ first: true });
    const names = new Set(told(parts).map(one => one[0]));
    expect(names).toContain('portoser_controller_start_time_seconds');
    expect(names).not.toContain('portoser_last_pass_timestamp_seconds');
    expect([...names].filter(name => /machine|placement|drift|held/.test(name))).toEqual([]);
  });
});

describe('of plans', () => {
  it('drift that stays, what is held and by what, and what differs from git', () => {
    expect(of('portoser_drift')).toEqual([[2]]);
    expect(of('portoser_held')).toEqual([
      ['approval', 1],
      ['observe', 0],
      ['window', 2],
      ['backoff', 0],
      ['quarantine', 1],
    ]);
    expect(of('portoser_placement_synced')).toEqual([
      ['web', 'm1', 1],
      ['api', 'm1', 0],
      ['edited', 'm1', 0],
      ['bad', 'm1', 0],
      ['gone', 'm1', 0],
      ['off', 'm1', 1],
    ]);
  });

  it('a plan that is held as a whole holds all of its changes', () => {
    const parts = liveParts({ held: true });
    expect(of('portoser_held', parts)).toContainEqual(['approval', 5]);
  });
});

describe('of machines and placements', () => {
  it('which answer, and what was measured of those', () => {
    expect(of('portoser_machine_reachable')).toEqual([['m1', 1], ['m2', 0]]); // prettier-ignore
    expect(of('portoser_machine_cpu_ratio')).toEqual([['m1', 0.5]]);
    expect(of('portoser_machine_memory_size_bytes')).toEqual([['m1', 8000]]);
    expect(of('portoser_machine_filesystem_used_bytes')).toEqual([['m1', '/a:b', 60]]);
    expect(of('portoser_machine_network_received_bytes_total')).toEqual([['m1', 'eth0', 7]]);
    expect(of('portoser_placement_cpu_cores')).toEqual([['web', 'm1', 0.25]]);
    expect(of('portoser_placement_memory_bytes')).toEqual([['web', 'm1', 900]]);
    expect(of('portoser_placement_restarts_total')).toEqual([['web', 'm1', 3]]);
  });

  it('how they are; what is starting, suspended or unknown is neither healthy nor unhealthy', () => {
    expect(of('portoser_placement_healthy')).toEqual([['web', 'm1', 1], ['api', 'm1', 0]]); // prettier-ignore
    const now = of('portoser_placement_health').filter(one => one.at(-1) === 1);
    expect(now).toEqual([
      ['web', 'm1', 'healthy', 1],
      ['api', 'm1', 'unhealthy', 1],
      ['off', 'm2', 'unknown', 1],
    ]);
    expect(of('portoser_placement_health')).toHaveLength(15);
  });

  it('each name and set of labels once, names together', () => {
    const all = told(liveParts());
    expect(new Set(all.map(one => JSON.stringify(one.slice(0, -1)))).size).toBe(all.length);
    const heads = all.map(one => one[0]).filter((name, index, names) => name !== names[index - 1]);
    expect(new Set(heads).size).toBe(heads.length);
  });
});
