// What was deployed just now is looked at closely: what counts as a fault, for how long, and what is left out.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../schema/errors.js';
import { checks } from '../../reconciler/checks/index.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { dependenciesOf, type Soak, soakingNow, startSoak } from '../../reconciler/loop/soak.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import { desire, newFleet, think } from '../core/thinking.js';
import { settlePromises } from '../fakes/clock.js';
import { createFakePorts, type FakePorts } from '../fakes/ports.js';

let ports: FakePorts;
let soak: Soak;
let rung: PlacementKey[];
/** Whether something accepts at the port of each. */
let answers: boolean;
let dependencyAnswers: boolean;
let looks: number;

const desired = desire({
  services: {
    db: { port: 5432, health: { type: 'tcp' } },
    web: { port: 80, depends_on: ['db'], health: { type: 'tcp', retries: 2, soak: '30s' } },
  },
});
const soaking = (leftMs: number) =>
  desired.placements
    .filter(placement => placement.key === 'web@m1')
    .map(placement => ({ placement, dependencies: dependenciesOf(placement, desired), leftMs }));
const machines = desired.machines.map(machine => ({ machine, cluster: 'c' }));

beforeEach(() => {
  ports = createFakePorts();
  rung = [];
  answers = true;
  dependencyAnswers = true;
  looks = 0;
  const connect = async (_machine: Machine, _host: string, port: number): Promise<void> => {
    looks += 1;
    if (port === 80 ? !answers : !dependencyAnswers) throw new AppError('command-failed', 'refused');
  };
  soak = startSoak({ ...ports, tunnel: { ...ports.tunnel, connect } }, { drivers, checks }, key => rung.push(key));
});
afterEach(() => soak.stop());

async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    await ports.clock.advance(1000);
    for (let round = 0; round < 4; round += 1) await settlePromises();
  }
}

describe('soaking', () => {
  it('ends in peace when its time is over, and is looked at no more', async () => {
    soak.follow(soaking(10_000), machines);
    await advance(20_000);
    expect([rung, soak.faults()]).toEqual([[], new Map()]);
    const before = looks;
    expect(before).toBeGreaterThan(2);
    await advance(20_000);
    expect(looks).toBe(before);
  });

  it('tells a fault once, after as many looks as the health check asks for, and keeps it until it is settled', async () => {
    soak.follow(soaking(30_000), machines);
    answers = false;
    await advance(2000);
    expect(rung).toEqual([]);
    await advance(10_000);
    expect(rung).toEqual(['web@m1']);
    const { fingerprint } = desired.placements.find(one => one.key === 'web@m1') ?? {};
    const faults = soak.faults();
    expect(faults).toEqual(new Map([['web@m1', { fingerprint, found: expect.any(String) as string }]]));
    soak.follow(soaking(30_000), machines);
    await advance(10_000);
    expect([rung, soak.faults()]).toEqual([['web@m1'], faults]);
    soak.settle(faults);
    expect(soak.faults()).toEqual(new Map());
  });

  it('forgives one look that failed', async () => {
    soak.follow(soaking(30_000), machines);
    for (let round = 0; round < 5; round += 1) {
      answers = false;
      await advance(2000);
      answers = true;
      await advance(2000);
    }
    expect(rung).toEqual([]);
  });

  it('blames nothing that only follows from what it depends on', async () => {
    soak.follow(soaking(30_000), machines);
    answers = false;
    dependencyAnswers = false;
    await advance(12_000);
    expect(rung).toEqual([]);
    dependencyAnswers = true;
    await advance(8000);
    expect(rung).toEqual(['web@m1']);
  });

  it('leaves out what is being changed', async () => {
    soak.follow(soaking(30_000), machines);
    soak.leave(new Set(['web@m1']));
    answers = false;
    await advance(20_000);
    expect(rung).toEqual([]);
  });
});

it('what soaks is known by its stamp and the clock of its machine', () => {
  const fleet = newFleet();
  fleet.apply(think(fleet, desired), desired);
  const live = fleet.look(desired);
  const stamp = fleet.machine('m1').stamps.get('web');
  if (stamp === undefined) throw new Error('no stamp');
  expect(soakingNow(desired, live)).toEqual([]);
  const at = (finishedAt: number) => {
    fleet.machine('m1').stamps.set('web', { ...stamp, finishedAt });
    return soakingNow(desired, fleet.look(desired))
      .filter(one => one.placement.key === 'web@m1')
      .map(one => one.leftMs);
  };
  expect([at(1_000_000 - 10), at(1_000_000 - 30), at(1_000_000 + 5)]).toEqual([[20_000], [], [30_000]]);
});
