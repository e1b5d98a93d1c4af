// What a pull request would change, told apart from what changes anyway: thought out from what the base's machines show, by the base's policy.
import { catalogue } from '../../schema/errors.js';
import { everyChange } from '../../schema/holds.js';
import type { Change, Difference, LeftAlone, MachineNote, Plan } from '../../schema/plan.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement, Sighting } from '../../schema/state.js';
import type { Driver } from '../drivers/driver.js';
import { diff } from './diff.js';
import { guard } from './guard.js';
import { lookupOf } from './lookup.js';
import { makePlan } from './plan.js';

export interface ReviewAsk {
  /** What is in force, as its plan was made from it. */
  readonly base: DesiredState;
  /** As git wanted it where the head branched off. */
  readonly since: DesiredState;
  /** As git wants it at the base's newest commit. */
  readonly newest: DesiredState;
  readonly head: DesiredState;
  /** The base's machines at the base's addresses. */
  readonly live: LiveState;
  readonly basePlan: Plan;
  /** Machines that left the registry before. */
  readonly leaving: readonly string[];
  readonly drivers: Readonly<Record<string, Driver>>;
}

/** Something that nobody can know before the merge. */
export interface Unseen {
  /** A machine, or a placement. */
  readonly what: string;
  readonly why: string;
}

export interface Review {
  /** What comes from the pull request alone, with what holds it. */
  readonly plan: Plan;
  readonly unseen: readonly Unseen[];
  /** Changes that take it that nothing is there yet where they go. */
  readonly assumed: ReadonlySet<PlacementKey>;
  /** What the base's own plan changes, merge or not. */
  readonly standing: readonly Change[];
  readonly drifted: readonly LeftAlone[];
  readonly machines: readonly MachineNote[];
  /** The base gained something of these that the head does not have: a merge takes nothing of it away. */
  readonly behind: readonly PlacementKey[];
  /** Changed on both sides since. */
  readonly both: readonly PlacementKey[];
  /** Whose policy it changes, which this plan does not go by: services, or `the registry`. */
  readonly policy: readonly string[];
  /** Machines that it lets us into otherwise, by names of their keys in the registry: this plan was made by the base's. */
  readonly keys: readonly { readonly machine: string; readonly names: readonly string[] }[];
}

const split = (key: PlacementKey): readonly [string, string] => [
  key.slice(0, key.indexOf('@')),
  key.slice(key.indexOf('@') + 1),
];

/** What it is that one connects to: another value is another machine, as far as anybody knows before it was seen. */
const placeOf = ({ host, port, user, platform, jump }: Machine): string =>
  JSON.stringify([host, port, user, platform, jump]);

/** Names of the head's machines that the base knows, with the base's name of each: a renamed one is the same machine. */
function knownMachines(head: DesiredState, base: DesiredState): ReadonlyMap<string, string> {
  const names = new Set(head.machines.map(one => one.name));
  const pairs = head.machines.flatMap(machine => {
    const own = base.machines.find(one => one.name === machine.name);
    if (own !== undefined) return placeOf(own) === placeOf(machine) ? [[machine.name, own.name] as const] : [];
    const renamed = base.machines.find(one => !names.has(one.name) && placeOf(one) === placeOf(machine));
    return renamed === undefined ? [] : [[machine.name, renamed.name] as const];
  });
  return new Map(pairs);
}

function machineWhy(machine: Machine, base: DesiredState): string {
  const own = base.machines.find(one => one.name === machine.name);
  if (own === undefined) return 'it is new here';
  const names = (['host', 'port', 'user', 'platform', 'jump'] as const).filter(
    name => JSON.stringify(own[name]) !== JSON.stringify(machine[name]),
  );
  return `it is reached otherwise (${names.join(', ')})`;
}

/** As the base reaches it; what the head says of hands off and of its kind counts. */
function machineFor(machine: Machine, baseName: string | undefined, base: DesiredState): Machine {
  const own = base.machines.find(one => one.name === baseName);
  if (own === undefined) return machine;
  const { suspend: _, arch: __, ...reached } = own;
  return {
    ...reached,
    name: machine.name,
    ...(machine.suspend === undefined ? {} : { suspend: machine.suspend }),
    ...(machine.arch === undefined ? {} : { arch: machine.arch }),
  };
}

/** Of those that are reached as before: of the others all is seen after the merge. */
function keysChanged({ head, base, since }: ReviewAsk, known: ReadonlyMap<string, string>): Review['keys'] {
  const text = (value: unknown): string => JSON.stringify(value ?? null);
  return head.machines.flatMap(one => {
    const name = known.get(one.name);
    // What the base changed since it branched off is none of its doing.
    const own = [...since.machines, ...base.machines].find(other => other.name === name);
    if (own === undefined) return [];
    const names = [
      ...(text(own.sshKey) === text(one.sshKey) ? [] : ['ssh_key']),
      ...(text(own.hostKeys) === text(one.hostKeys) ? [] : ['host_key']),
      ...(own.sudo === one.sudo ? [] : ['sudo']),
    ];
    return names.length === 0 ? [] : [{ machine: one.name, names }];
  });
}

/** Whether the look at the base's placement answers for the head's as well. */
function sameLook(one: Placement, other: Placement | undefined, { live, drivers }: ReviewAsk): boolean {
  if (other === undefined || one.spec.type !== other.spec.type || one.spec.path !== other.spec.path) return false;
  const driver = drivers[one.spec.type];
  const view = live.machines[other.spec.machine];
  const facts = view?.state === 'reachable' ? view.facts : undefined;
  const place = (spec: Placement['spec']): string =>
    JSON.stringify([driver?.identity(spec, facts), driver?.ownFiles(spec)]);
  return place(one.spec) === place(other.spec);
}

interface Situation {
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly assumed: ReadonlySet<PlacementKey>;
  readonly known: ReadonlyMap<string, string>;
}

const nothingThere: Sighting = { state: 'absent', files: {}, own: {} };

/** By the name that the base has for its machine. */
const baseKey = (key: PlacementKey, known: ReadonlyMap<string, string>): PlacementKey => {
  const [service, machine] = split(key);
  return `${service}@${known.get(machine) ?? machine}`;
};

/** Policy is the base's, and data stay as careful a matter as they were. */
function judgedByBase(placement: Placement, { base, newest }: ReviewAsk): Placement {
  const own = lookupOf(newest).byService.get(placement.spec.service)?.[0];
  const stateful = placement.spec.stateful || own?.spec.stateful === true;
  return { ...placement, spec: { ...placement.spec, stateful, policy: own?.spec.policy ?? base.policy } };
}

/** A revision that failed before stays undone, as long as the head wants the same one. */
function asInForce(placement: Placement, inForce: Placement | undefined, newest: Placement | undefined): Placement {
  const failed = inForce !== undefined && (inForce.instead !== undefined || inForce.noWayBack !== undefined);
  if (!failed || newest?.fingerprint !== placement.fingerprint || placement.blocked !== undefined) return placement;
  if (inForce.spec.machine !== placement.spec.machine) return placement;
  const { suspend: _, ...spec } = inForce.spec;
  const suspend = placement.spec.suspend === undefined ? {} : { suspend: placement.spec.suspend };
  return { ...inForce, spec: { ...spec, ...suspend } };
}

function situationOf(ask: ReviewAsk): Situation {
  const { base, newest, head, live } = ask;
  const known = knownMachines(head, base);
  const assumed = new Set<PlacementKey>();
  const sightings: Record<string, Sighting> = { ...live.sightings };
  const placements = head.placements.map(one => {
    const key = baseKey(one.key, known);
    const own = lookupOf(newest).byKey.get(key);
    if (live.machines[known.get(one.spec.machine) ?? '']?.state === 'reachable') {
      const seen = live.sightings[key];
      const looked = seen !== undefined && sameLook(one, own, ask);
      if (!looked) assumed.add(one.key);
      sightings[one.key] = looked ? seen : nothingThere;
    }
    return judgedByBase(asInForce(one, lookupOf(base).byKey.get(key), own), ask);
  });
  const machines = head.machines.map(one => machineFor(one, known.get(one.name), base));
  const wanted = new Set(head.machines.map(one => one.name));
  const renamed = new Set([...known].flatMap(([name, before]) => (name === before ? [] : [before])));
  const views = [
    // What is not wanted any more is still looked at, where it is.
    ...Object.entries(live.machines).filter(([name]) => !wanted.has(name) && !renamed.has(name)),
    ...[...known].flatMap(([name, before]) => {
      const view = live.machines[before];
      return view === undefined ? [] : [[name, view] as const];
    }),
  ];
  return {
    desired: { ...head, rootCommit: base.rootCommit, policy: base.policy, machines, placements },
    live: { ...live, machines: Object.fromEntries(views), sightings },
    assumed,
    known,
  };
}

const sameWish = (one: Placement | undefined, other: Placement | undefined): boolean =>
  one?.fingerprint === other?.fingerprint &&
  one?.spec.suspend === other?.spec.suspend &&
  one?.blocked === other?.blocked;

function policiesChanged({ since, head }: ReviewAsk): readonly string[] {
  const text = (policy: object): string => JSON.stringify(policy);
  const whole = text(since.policy) === text(head.policy) ? [] : ['the registry'];
  const services = [...lookupOf(head).byService].flatMap(([service, [one]]) => {
    const before = lookupOf(since).byService.get(service)?.[0];
    if (one === undefined || text(one.spec.policy) === text(before?.spec.policy ?? since.policy)) return [];
    // What the registry's own policy changes for all of them is one thing.
    return text(one.spec.policy) === text(head.policy) ? [] : [service];
  });
  return [...whole, ...services];
}

/** Pure: nothing that the head says is looked at, run or gone by; only what it would have changed. */
export function review(ask: ReviewAsk): Review {
  const { base, since, newest, head, basePlan } = ask;
  const { desired, live, assumed, known } = situationOf(ask);
  const of = (state: DesiredState, key: PlacementKey) => lookupOf(state).byKey.get(baseKey(key, known));
  const wished = (key: PlacementKey) => lookupOf(head).byKey.get(key);
  const isOurs = ({ key }: Difference | LeftAlone): boolean => !sameWish(of(since, key), wished(key));
  const unseenMachines = head.machines.filter(one => !known.has(one.name));
  const left = base.machines.map(one => one.name).filter(name => live.machines[name] !== undefined);
  const gone = left.filter(name => !head.machines.some(one => one.name === name));
  const found = diff(desired, live, {
    drivers: ask.drivers,
    busy: new Set(),
    again: new Set(),
    leaving: [...new Set([...ask.leaving, ...gone])].filter(name => live.machines[name] !== undefined),
  });
  const ours = found.differences.filter(isOurs);
  const leftAlone = found.leftAlone.filter(isOurs);
  const hidden = new Set(unseenMachines.map(one => one.name));
  const isUnseen = ({ key, state }: LeftAlone): boolean =>
    hidden.has(split(key)[1]) || (assumed.has(key) && state === 'blocked');
  const plan = guard(
    makePlan({ ...found, differences: ours, leftAlone: leftAlone.filter(one => !isUnseen(one)) }, desired),
    desired,
    live,
    new Set(),
  );
  const standing = everyChange(basePlan);
  const anyway = new Set(standing.map(one => one.key));
  return {
    plan,
    assumed,
    standing,
    drifted: basePlan.leftAlone.filter(one => one.state === 'drifted'),
    machines: found.machines.filter(one => !hidden.has(one.machine)),
    unseen: [
      ...unseenMachines.map(one => ({ what: one.name, why: machineWhy(one, base) })),
      ...leftAlone.filter(isUnseen).map(one => ({
        what: one.key,
        // Also a message of ours may repeat what a machine said.
        why: hidden.has(split(one.key)[1])
          ? `${split(one.key)[1]} is seen after the merge`
          : one.error === undefined
            ? one.why
            : catalogue[one.error.code].title,
      })),
    ],
    behind: found.differences.filter(one => !isOurs(one) && !anyway.has(baseKey(one.key, known))).map(one => one.key),
    both: ours
      .map(one => one.key)
      .filter(key => !sameWish(of(since, key), of(newest, key)) && !sameWish(of(newest, key), wished(key))),
    policy: policiesChanged(ask),
    keys: keysChanged(ask, known),
  };
}
