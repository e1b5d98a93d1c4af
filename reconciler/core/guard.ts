// The guard over a plan: too many removals at once wait for a person, and so does what policy says.
import type { Change, Hold, Plan } from '../../schema/plan.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import { wentElsewhere } from './came-from.js';
import { holdParts, type Tries } from './holds.js';
import { changesOf, isFirstStart, isStop } from './plan.js';
import { isWithdrawal } from './withdrawal.js';

/** Removals up to this number are never held, whatever their share. */
const freeRemovals = 2;

function placementsOf(live: LiveState): number {
  return Object.values(live.machines).reduce(
    (sum, view) =>
      sum + (view.state === 'reachable' ? view.stamps.filter(stamp => stamp.prunedAt === undefined).length : 0),
    0,
  );
}

const stops = (change: Change) => isStop(change) && change.stamp?.prunedAt === undefined && change.kind !== 'release';

/** It comes to a machine where it does not stand: also one that it left before, or where an earlier attempt was not finished. */
const arrives = (change: Change): boolean =>
  change.move !== undefined || (!isStop(change) && (change.stamp?.prunedAt !== undefined || isFirstStart(change)));

/**
 * What goes away for good. What is stopped again where a move failed runs elsewhere; what moves does not: its service came
 * from there and runs already, or comes to another machine in the same plan, one for each that stops.
 */
function removalsOf(changes: readonly Change[], desired: DesiredState, live: LiveState): readonly Change[] {
  const made = new Map<string, number>();
  for (const { service } of changes.filter(arrives)) made.set(service, (made.get(service) ?? 0) + 1);
  return changes.filter(change => {
    if (!stops(change) || isWithdrawal(change, desired)) return false;
    if (change.reason !== 'moved') return true;
    if (wentElsewhere(change, change.service, desired, live)) return false;
    const successors = made.get(change.service) ?? 0;
    if (successors > 0) made.set(change.service, successors - 1);
    return successors === 0;
  });
}

/**
 * Why the whole plan is held: a plan that would remove most of a cluster is not trusted in its other parts either.
 * `removals`: without what a person removed by name.
 */
function tooMany(removals: readonly Change[], desired: DesiredState, live: LiveState): Hold | undefined {
  if (removals.length === 0) return undefined;
  const total = placementsOf(live);
  if (desired.placements.length === 0)
    return { why: `the registry is empty and would stop ${removals.length} running services` };
  // 0.29 * 100 is a little less than 29 in binary fractions.
  const allowed = desired.policy.maxRemovals * total + 1e-9;
  if (removals.length <= freeRemovals || removals.length <= allowed) return undefined;
  const share = Math.round((100 * removals.length) / total);
  return {
    why: `it would remove ${removals.length} of ${total} placements (${share} %, policy.max_removals is ${Math.round(desired.policy.maxRemovals * 100)} %)`,
  };
}

/** `approved`: ids of plans, and of their waiting parts, that a person approved; `remove:<key>` for what was removed by name. */
export function guard(
  plan: Plan,
  desired: DesiredState,
  live: LiveState,
  approved: ReadonlySet<string>,
  tries: Tries = { resting: new Map(), again: new Set() },
): Plan {
  const removals = removalsOf(changesOf(plan), desired, live).filter(change => !approved.has(`remove:${change.key}`));
  const held = approved.has(plan.id) ? undefined : tooMany(removals, desired, live);
  if (held !== undefined) return { ...plan, held };
  return holdParts(plan, { desired, approved, removals: new Set(removals), now: live.takenAt, tries });
}
