// Desired placements and stamps by name, each list worked out once per state when it is first asked for, so that thinking stays linear.
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, MachineSeen, Placement, Stamp } from '../../schema/state.js';

export interface Lookup {
  readonly byKey: ReadonlyMap<PlacementKey, Placement>;
  /** Placements of a service, in machine order. */
  readonly byService: ReadonlyMap<string, readonly Placement[]>;
  /** Names of the services of a machine. */
  readonly servicesOn: ReadonlyMap<string, ReadonlySet<string>>;
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

function servicesOn(desired: DesiredState): ReadonlyMap<string, ReadonlySet<string>> {
  const services = new Map<string, Set<string>>();
  for (const { spec } of desired.placements) {
    const known = services.get(spec.machine);
    if (known === undefined) services.set(spec.machine, new Set([spec.service]));
    else known.add(spec.service);
  }
  return services;
}

function byKey(desired: DesiredState): ReadonlyMap<PlacementKey, Placement> {
  const placements = new Map<PlacementKey, Placement>();
  for (const placement of desired.placements) placements.set(placement.key, placement);
  return placements;
}

/** A pass with nothing to do asks for few of them. */
function lookupIn(desired: DesiredState): Lookup {
  const made: { -readonly [K in keyof Lookup]?: Lookup[K] } = {};
  return {
    get byKey() {
      return (made.byKey ??= byKey(desired));
    },
    get byService() {
      return (made.byService ??= grouped(desired.placements, placement => placement.spec.service));
    },
    get servicesOn() {
      return (made.servicesOn ??= servicesOn(desired));
    },
    get machines() {
      return (made.machines ??= new Map(desired.machines.map(machine => [machine.name, machine])));
    },
  };
}

const lookups = new WeakMap<DesiredState, Lookup>();

export function lookupOf(desired: DesiredState): Lookup {
  let lookup = lookups.get(desired);
  if (lookup === undefined) {
    lookup = lookupIn(desired);
    lookups.set(desired, lookup);
  }
  return lookup;
}

function byServiceOf(seen: MachineSeen): ReadonlyMap<string, Stamp> {
  const byService = new Map<string, Stamp>();
  for (const stamp of seen.stamps) byService.set(stamp.service, stamp);
  return byService;
}

const stamps = new WeakMap<MachineSeen, ReadonlyMap<string, Stamp>>();

export function stampOf(seen: MachineSeen, service: string): Stamp | undefined {
  let known = stamps.get(seen);
  if (known === undefined) {
    known = byServiceOf(seen);
    stamps.set(seen, known);
  }
  return known.get(service);
}
