// The guard over a plan: too many removals at once wait for a person.
import type { Change, Plan } from '../../schema/plan.js';
import type { DesiredState, LiveState } from '../../schema/state.js';
import { changesOf } from './plan.js';

/** Removals up to this number are never held, whatever their share. */
const freeRemovals = 2;

function placementsOf(live: LiveState): number {
  return Object.values(live.machines).reduce(
    (sum, view) =>
      sum + (view.state === 'reachable' ? view.stamps.filter(stamp => stamp.prunedAt === undefined).length : 0),
    0,
  );
}

const removes = (change: Change) =>
  change.reason === 'orphaned' && change.stamp?.prunedAt === undefined && change.kind !== 'release';

/**
 * `approved`: ids of plans that a person approved, and `remove:<key>` for what a person removed by name. The plan is
 * held whole: a plan that would remove most of a cluster is not trusted in its other parts either.
 */
export function guard(plan: Plan, desired: DesiredState, live: LiveState, approved: ReadonlySet<string>): Plan {
  if (approved.has(plan.id)) return plan;
  const removals = changesOf(plan).filter(change => removes(change) && !approved.has(`remove:${change.key}`));
  if (removals.length === 0) return plan;
  const total = placementsOf(live);
  if (desired.placements.length === 0) {
    return { ...plan, held: { why: `the registry is empty and would stop ${removals.length} running services` } };
  }
  if (removals.length <= freeRemovals || removals.length <= desired.policy.maxRemovals * total) return plan;
  const share = Math.round((100 * removals.length) / total);
  return {
    ...plan,
    held: {
      why: `it would remove ${removals.length} of ${total} placements (${share} %, policy.max_removals is ${Math.round(desired.policy.maxRemovals * 100)} %)`,
    },
  };
}
