// Which machines left the registry: known from the last applied one, looked at under their old address until nothing of ours runs there.
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import { identityOf } from '../core/machines.js';
import type { StateDir } from '../ports.js';

/** Kept in the state folder as `fleet`; lost, machines that left before are not looked at any more, and nothing else changes. */
export interface Fleet {
  /** As the last applied registry named them. */
  readonly machines: readonly Machine[];
  readonly leaving: readonly Machine[];
  /** Left with nothing of ours running there: not looked at, and known until `machine forget`. */
  readonly emptied?: readonly Machine[];
}

const document = 'fleet';
const nobody: Fleet = { machines: [], leaving: [] };

export async function readFleet(state: StateDir): Promise<Fleet> {
  return (await state.read<Fleet>(document)) ?? nobody;
}

/** Candidates: known before, not named now. An address that another machine has now is not asked under its old name. */
export function leavingOf(fleet: Fleet, desired: DesiredState): readonly Machine[] {
  const names = new Set(desired.machines.map(machine => machine.name));
  const known = new Map([...fleet.leaving, ...fleet.machines].map(machine => [machine.name, machine]));
  return [...known.values()].filter(machine => !names.has(machine.name));
}

/** A machine that answers under its old name and is in the registry under another was renamed; it does not leave. */
export function withoutRenamed(
  leaving: readonly Machine[],
  live: LiveState,
  desired: DesiredState,
): readonly Machine[] {
  const ids = new Set(
    desired.machines.flatMap(machine => {
      const view = live.machines[machine.name];
      return view?.state === 'reachable' && view.id !== undefined ? [view.id] : [];
    }),
  );
  return leaving.filter(machine => {
    const view = live.machines[machine.name];
    return !(view?.state === 'reachable' && view.id !== undefined && ids.has(view.id));
  });
}

/** What still has to be looked at next time: who does not answer, and where something of ours still runs. */
function stillLeaving(leaving: readonly Machine[], live: LiveState, desired: DesiredState): readonly Machine[] {
  return leaving.filter(machine => {
    const view = live.machines[machine.name];
    if (view?.state !== 'reachable') return true;
    return view.identity === identityOf(desired) && view.stamps.some(stamp => stamp.prunedAt === undefined);
  });
}

const samePlace = (one: Machine, other: Machine): boolean =>
  one.host === other.host && one.port === other.port && one.user === other.user;

/** The machine of the registry that has this one's address now. */
export const successorOf = (machine: Machine, desired: DesiredState): Machine | undefined =>
  desired.machines.find(one => samePlace(one, machine));

/** Those that have our state folder still, though nothing of ours runs there. */
function emptiedOf(leaving: readonly Machine[], after: LiveState, desired: DesiredState): readonly Machine[] {
  const still = new Set(stillLeaving(leaving, after, desired));
  return leaving.filter(machine => {
    const view = after.machines[machine.name];
    return !still.has(machine) && view?.state === 'reachable' && view.identity === identityOf(desired);
  });
}

/** As it is to be noted after a pass. `before`: as noted now, since a machine may have been forgotten while the pass went on. */
export function fleetAfter(desired: DesiredState, leaving: readonly Machine[], after: LiveState, before: Fleet): Fleet {
  const known = new Set([...before.machines, ...before.leaving].map(machine => machine.name));
  const noted = leaving.filter(machine => known.has(machine.name));
  const still = stillLeaving(noted, after, desired);
  const back = new Set([...desired.machines, ...still].map(machine => machine.name));
  const gone = new Map(
    [...(before.emptied ?? []), ...emptiedOf(noted, after, desired)].map(machine => [machine.name, machine]),
  );
  const emptied = [...gone.values()].filter(
    machine => !back.has(machine.name) && successorOf(machine, desired) === undefined,
  );
  return { machines: desired.machines, leaving: still, ...(emptied.length === 0 ? {} : { emptied }) };
}

/** Whatever is known of machines that the registry does not name: what `machine forget` can be asked for. */
export function leftOf(fleet: Fleet, desired: DesiredState): readonly Machine[] {
  const leaving = leavingOf(fleet, desired);
  const names = new Set([...leaving, ...desired.machines].map(machine => machine.name));
  return [...leaving, ...(fleet.emptied ?? []).filter(machine => !names.has(machine.name))];
}

/** Without a trace of this machine. */
export function forgetIn({ machines, leaving, emptied }: Fleet, name: string): Fleet {
  const others = (list: readonly Machine[]) => list.filter(machine => machine.name !== name);
  const left = others(emptied ?? []);
  return { machines: others(machines), leaving: others(leaving), ...(left.length === 0 ? {} : { emptied: left }) };
}

export const sameFleet = (one: Fleet, other: Fleet): boolean => JSON.stringify(one) === JSON.stringify(other);

/** As one, among all processes: a machine may be forgotten just while a pass notes which there are. */
export async function changeFleet(state: StateDir, become: (before: Fleet) => Fleet): Promise<void> {
  await state.change<Fleet>(document, before => become(before ?? nobody));
}
