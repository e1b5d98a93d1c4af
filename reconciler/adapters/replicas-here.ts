// One controller alone: what others would have in common stays in this process, in bounded memory.
import type { Told } from '../../schema/live.js';
import { concernsOthers } from '../../schema/replicas.js';
import type { Clock, Replicas } from '../ports.js';
import { openShelves, type Shelves, valuesOf } from './shelves.js';

/** What those of one process have in common; as a rule there is one of them. */
export interface Company {
  readonly shelves: Shelves;
  readonly members: Set<Set<(told: Told) => void>>;
}

export const openCompany = (clock: Pick<Clock, 'now'>, most?: number): Company => ({
  shelves: openShelves(() => clock.now(), most),
  members: new Set(),
});

export function openReplicasHere(clock: Pick<Clock, 'now'>, company = openCompany(clock)): Replicas {
  const { shelves, members } = company;
  const followers = new Set<(told: Told) => void>();
  members.add(followers);
  const others = (): readonly ((told: Told) => void)[] =>
    [...members].flatMap(one => (one === followers ? [] : [...one]));
  return {
    put: (shelf, key, value, keepMs) => {
      const at = clock.now();
      if (members.has(followers)) shelves.put(shelf, key, { value, at, until: at + keepMs });
    },
    all: async shelf => valuesOf(shelves.all(shelf)),
    tell: told => {
      if (concernsOthers(told) && members.has(followers)) others().forEach(follower => follower(told));
    },
    follow: follower => {
      followers.add(follower);
      return () => followers.delete(follower);
    },
    followed: () => others().length > 0,
    state: () => ({ state: 'alone' }),
    close: async () => {
      followers.clear();
      members.delete(followers);
    },
  };
}
