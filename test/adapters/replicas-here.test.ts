// One controller alone, before the contract of replicas; and that its memory is bounded.
import { expect, it } from 'vitest';
import { openCompany, openReplicasHere } from '../../reconciler/adapters/replicas-here.js';
import { replicasContract } from '../contracts/replicas.js';
import { createFakeClock } from '../fakes/clock.js';

replicasContract('in one process', async () => {
  let now = 1_764_300_000_000;
  const clock = { now: () => now };
  const company = openCompany(clock);
  return { open: async () => openReplicasHere(clock, company), pass: ms => void (now += ms) };
});

it('forgets what was put there longest ago when it becomes too much', async () => {
  const clock = createFakeClock();
  const replicas = openReplicasHere(clock, openCompany(clock, 3));
  for (const key of ['a', 'b', 'c', 'a', 'd']) replicas.put('shelf', key, key, 1_000);
  expect([...(await replicas.all('shelf')).keys()]).toEqual(['c', 'a', 'd']);
  expect(replicas.state()).toEqual({ state: 'alone' });
  expect(replicas.followed()).toBe(false);
});
