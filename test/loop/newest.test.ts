// The newest measurements: from memory where the database was asked just now, told apart where it is away, never thrown away for it.
import { beforeEach, describe, expect, it } from 'vitest';
import { openCompany, openReplicasHere } from '../../reconciler/adapters/replicas-here.js';
import { newestOf, noteNewest } from '../../reconciler/loop/newest.js';
import type { Replicas, Store } from '../../reconciler/ports.js';
import { AppError } from '../../schema/errors.js';
import type { Measurement } from '../../schema/samples.js';
import { createFakeClock, type FakeClock } from '../fakes/clock.js';
import { createFakeStore, type FakeStore } from '../fakes/store.js';

let clock: FakeClock;
let kept: FakeStore;
let replicas: Replicas;
let asked: number;
let fault: AppError | undefined;

const measured = (machine: string, at = clock.now(), cpu = 1): Measurement => ({
  machine,
  at,
  values: { cpu_ratio: cpu },
});
const keep = (measurement: Measurement) => kept.record({ kind: 'samples', measurement });
const away = new AppError('store-away', 'it is away');

beforeEach(() => {
  clock = createFakeClock();
  kept = createFakeStore(() => clock.now());
  replicas = openReplicasHere(clock, openCompany(clock));
  [asked, fault] = [0, undefined];
});

function ask(machine?: string) {
  const store: Store = {
    ...kept,
    newest: async of => {
      asked += 1;
      if (fault !== undefined) throw fault;
      return await kept.newest(of);
    },
  };
  return newestOf({ store, replicas, clock }, machine);
}

describe('the newest measurements', () => {
  it('are asked of the database once in a while, and are new all the same', async () => {
    keep(measured('m2'));
    expect((await ask()).newest).toEqual([measured('m2')]);
    await clock.advance(5_000);
    noteNewest(replicas, measured('m1'), clock.now());
    noteNewest(replicas, measured('m2', clock.now(), 2), clock.now());
    expect((await ask()).newest).toEqual([measured('m1'), measured('m2', clock.now(), 2)]);
    expect((await ask('m1')).newest).toEqual([measured('m1')]);
    expect(asked).toBe(1);
    await clock.advance(5_000);
    keep(measured('m3'));
    expect((await ask()).newest.map(one => one.machine)).toEqual(['m1', 'm2', 'm3']);
    expect(asked).toBe(2);
  });

  it('of one machine are asked for where only others are known', async () => {
    keep(measured('m1'));
    keep(measured('m2'));
    await ask('m1');
    expect((await ask('m2')).newest).toEqual([measured('m2')]);
    expect(asked).toBe(2);
  });

  it('are what is remembered while the database is away, and say so', async () => {
    fault = away;
    await expect(ask()).rejects.toBe(away);
    noteNewest(replicas, measured('m1'), clock.now());
    expect(await ask()).toEqual({ newest: [measured('m1')], away: away.report() });
    fault = new AppError('internal', 'a fault of ours');
    await expect(ask()).rejects.toBe(fault);
    fault = undefined;
    keep(measured('m0'));
    expect(await ask()).toEqual({ newest: [measured('m0'), measured('m1')] });
  });

  it('are not older than a day', async () => {
    noteNewest(replicas, measured('m1', clock.now() - 86_000_000), clock.now());
    noteNewest(replicas, measured('m2', clock.now() - 86_400_000), clock.now());
    fault = away;
    expect((await ask()).newest.map(one => one.machine)).toEqual(['m1']);
    await clock.advance(400_000);
    await expect(ask()).rejects.toBe(away);
  });

  it('are no nonsense that others wrote', async () => {
    for (const [key, value] of Object.entries({ a: null, b: 1, c: {}, d: { machine: 'd', at: 'x', values: {} } }))
      replicas.put('newest', key, value, 1_000);
    noteNewest(replicas, measured('m1'), clock.now());
    fault = away;
    expect((await ask()).newest).toEqual([measured('m1')]);
  });
});
