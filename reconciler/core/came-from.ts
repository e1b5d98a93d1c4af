// Where a service stood when it was first brought up elsewhere, without being stopped there first: its new stamp says so.
import type { CameFrom } from '../../schema/stamp-moves.js';
import type { DesiredState, LiveState, Placement, Stamp } from '../../schema/state.js';
import { lookupOf, stampOf } from './lookup.js';
import { isCarried } from './moves.js';
import { basisOf } from './ownership.js';

function stampAt(live: LiveState, { spec }: Placement): Stamp | undefined {
  const view = live.machines[spec.machine];
  return view?.state === 'reachable' ? stampOf(view, spec.service) : undefined;
}

/** It was finished, or a healthy revision of it was, and it was not stopped since. */
const stands = (stamp: Stamp | undefined): boolean =>
  stamp !== undefined && stamp.prunedAt === undefined && (stamp.fingerprint ?? stamp.healthy) !== undefined;

const isSame = (one: CameFrom, other: CameFrom | undefined): boolean =>
  one.machine === other?.machine && one.basis === other.basis;

/** What stands unstopped where the service is not wanted any more. */
function leftBy(homes: readonly Placement[], service: string, live: LiveState): readonly CameFrom[] {
  const wanted = new Set(homes.map(one => one.spec.machine));
  return Object.entries(live.machines).flatMap(([machine, view]) => {
    const stamp = view.state === 'reachable' && !wanted.has(machine) ? stampOf(view, service) : undefined;
    return stamp === undefined || stamp.prunedAt !== undefined ? [] : [{ machine, basis: basisOf(stamp) }];
  });
}

/**
 * For the stamp of what is brought up: each new place of a service takes one of those that it leaves. What stood there before
 * came from where it came from, as long as that was not touched. `before`: its stamp there.
 */
export function cameFrom(
  placement: Placement,
  before: Stamp | undefined,
  desired: DesiredState,
  live: LiveState,
): CameFrom | undefined {
  const { spec, key } = placement;
  const homes = lookupOf(desired).byService.get(spec.service) ?? [];
  const left = isCarried(spec) ? [] : leftBy(homes, spec.service, live);
  if (stands(before)) return left.find(one => isSame(one, before?.from));
  const taken = homes.flatMap(one => (stands(stampAt(live, one)) ? (stampAt(live, one)?.from ?? []) : []));
  const free = left.filter(one => !taken.some(other => isSame(one, other)));
  return free[homes.filter(one => !stands(stampAt(live, one))).findIndex(one => one.key === key)];
}

/** Its service came from just this, and runs where it went. */
export function wentElsewhere(from: CameFrom, service: string, desired: DesiredState, live: LiveState): boolean {
  const homes = lookupOf(desired).byService.get(service) ?? [];
  return homes.some(one => {
    const stamp = stampAt(live, one);
    return stamp?.fingerprint !== undefined && stamp.prunedAt === undefined && isSame(from, stamp.from);
  });
}
