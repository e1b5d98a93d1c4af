// Whose health is worth looking at: what stands on its machine, told apart from what somebody took their hands off.
import type { Plan } from '../../schema/plan.js';
import type { Placement } from '../../schema/state.js';
import { stampOf } from '../core/lookup.js';
import type { Considered } from './preview.js';

/** It stands finished on its machine; where nobody can look, it is taken to. */
export function stands(placement: Placement, considered: Considered): boolean {
  const view = considered.live.machines[placement.spec.machine];
  return view?.state !== 'reachable' || stampOf(view, placement.spec.service)?.fingerprint !== undefined;
}

/** Suspends by command, told as those of the registry are. */
export function withSuspends(placements: readonly Placement[], { leftAlone }: Plan): readonly Placement[] {
  const whys = new Map(leftAlone.filter(one => one.state === 'suspended').map(one => [one.key, one.why]));
  return placements.map(one => {
    const why = whys.get(one.key);
    return why === undefined ? one : { ...one, spec: { ...one.spec, suspend: why } };
  });
}
