// Desired placements and stamps by name, worked out once per state, so that thinking stays linear in the number of placements.
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, MachineSeen, Placement, Stamp } from '../../schema/state.js';

export interface Lookup {
  readonly byKey: ReadonlyMap<PlacementKey, Placement>;
  /** Placements of a service, in machine order. */
  readonly byService: ReadonlyMap<string, readonly Placement[]>;
  readonly machines: ReadonlyMap<string, Machine>;
}

function grouped<T>(items: readonly T[], name: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(name(item));
    if (group === undefined) groups.set(name(item), [item]);
    else group.push(item);
  }
  return groups;
}

const lookups = new WeakMap<DesiredState, Lookup>();

export function lookupOf(desired: DesiredState): Lookup {
  const known = lookups.get(desired);
  if (known !== undefined) return known;
  const lookup: Lookup = {
    byKey: new Map(desired.placements.map(placement => [placement.key, placement])),
    byService: grouped(desired.placements, placement => placement.spec.service),
    machines: new Map(desired.machines.map(machine => [machine.name, machine])),
  };
  lookups.set(desired, lookup);
  return lookup;
}

const stamps = new WeakMap<MachineSeen, ReadonlyMap<string, Stamp>>();

export function stampOf(seen: MachineSeen, service: string): Stamp | undefined {
  let known = stamps.get(seen);
  if (known === undefined) {
    known = new Map(seen.stamps.map(stamp => [stamp.service, stamp]));
    stamps.set(seen, known);
  }
  return known.get(service);
}
