// Whose health is worth looking at: what stands on its machine, told apart from what somebody took their hands off.
import type { Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement } from '../../schema/state.js';
import { stampOf } from '../core/lookup.js';
import type { CheckedMachine } from './look-checks.js';
import type { Considered } from './preview.js';

/** It stands finished on its machine; where nobody can look, it is taken to. */
export function stands(placement: Placement, considered: Considered): boolean {
  const view = considered.live.machines[placement.spec.machine];
  return view?.state !== 'reachable' || stampOf(view, placement.spec.service)?.fingerprint !== undefined;
}

/** Why each of those is suspended that are. */
export const suspendsIn = ({ leftAlone }: Plan): ReadonlyMap<PlacementKey, string> =>
  new Map(leftAlone.filter(one => one.state === 'suspended').map(one => [one.key, one.why]));

/** Suspends by command, told as those of the registry are. */
export function withSuspends(placements: readonly Placement[], plan: Plan): readonly Placement[] {
  const whys = suspendsIn(plan);
  return placements.map(one => {
    const why = whys.get(one.key);
    return why === undefined ? one : { ...one, spec: { ...one.spec, suspend: why } };
  });
}

export function checkedMachines({ machines, cluster }: DesiredState, live: LiveState): readonly CheckedMachine[] {
  return machines.map(machine => {
    const view = live.machines[machine.name];
    return { machine, cluster, ...(view?.state === 'reachable' ? { facts: view.facts } : {}) };
  });
}
