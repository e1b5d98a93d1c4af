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
}

const document = 'fleet';

export async function readFleet(state: StateDir): Promise<Fleet> {
  return (await state.read<Fleet>(document)) ?? { machines: [], leaving: [] };
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

/** As it is to be noted after a pass. */
export const fleetAfter = (desired: DesiredState, leaving: readonly Machine[], after: LiveState): Fleet => ({
  machines: desired.machines,
  leaving: stillLeaving(leaving, after, desired),
});

export const sameFleet = (one: Fleet, other: Fleet): boolean => JSON.stringify(one) === JSON.stringify(other);

export async function writeFleet(state: StateDir, fleet: Fleet): Promise<void> {
  await state.write(document, fleet);
}
