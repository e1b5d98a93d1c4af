// What a driver is told of the machine when it chooses its words.
import type { DesiredState, MachineSeen, Placement, Sighting } from '../../schema/state.js';
import type { Ground } from '../drivers/driver.js';
import { lookupOf } from './lookup.js';

export function groundOf(placement: Placement, seen: MachineSeen, sighting: Sighting, desired: DesiredState): Ground {
  const machine = lookupOf(desired).machines.get(placement.spec.machine);
  const files = sighting.state === 'unknown' ? {} : sighting.files;
  const own = sighting.state === 'unknown' ? {} : sighting.own;
  return { facts: seen.facts, sudo: machine?.sudo ?? 'auto', own, files, cluster: desired.cluster };
}
