// What did not become healthy where it was to go, while the service runs on where it came from: it is stopped there again.
import type { Change, Difference, Outcome } from '../../schema/plan.js';
import type { DesiredState, LiveState, MachineSeen, Placement, Stamp } from '../../schema/state.js';
import { lookupOf, stampOf } from './lookup.js';
import { identityOf } from './machines.js';
import { isCarried } from './moves.js';
import { isStop } from './plan.js';

/** A placement that is wanted is stopped for nothing else. */
export const isWithdrawal = (change: Pick<Change, 'key' | 'kind'>, desired: DesiredState): boolean =>
  isStop(change) && lookupOf(desired).byKey.has(change.key);

/** Whether what a change needs was only stopped again where it was to go. */
export const lacks = ({ key }: Change, done: Outcome, desired: DesiredState): boolean =>
  done.result === 'applied' &&
  isWithdrawal(done, desired) &&
  lookupOf(desired).byKey.get(key)?.dependsOn.includes(done.key) === true;

/** Under another name it may be the very same machine. */
const isOther = (view: MachineSeen, own: MachineSeen, desired: DesiredState): boolean =>
  (view.id === undefined || view.id !== own.id) &&
  (view.identity === undefined || view.identity === identityOf(desired));

/** Not stopped, and not stopped for a move: it runs there still, as far as we have to do with it. */
const serves = ({ prunedAt, move }: Stamp): boolean =>
  prunedAt === undefined && (move === undefined || move.state === 'failed');

/** Where the service came from and was never stopped; undefined: nobody sees such a machine. */
function origin({ spec }: Placement, own: MachineSeen, desired: DesiredState, live: LiveState): string | undefined {
  const homes = new Set(
    lookupOf(desired)
      .byService.get(spec.service)
      ?.map(one => one.spec.machine),
  );
  return Object.entries(live.machines).find(([machine, view]) => {
    if (homes.has(machine) || view.state !== 'reachable' || !isOther(view, own, desired)) return false;
    const stamp = stampOf(view, spec.service);
    return stamp !== undefined && serves(stamp);
  })?.[0];
}

/**
 * For a revision that is held: the pass that condemned it stops it again itself. Where that pass did not come to it, the
 * stamps still say all of it. What has an earlier revision here goes back to that instead, `on_failure` may want it left,
 * and what was taken over is never stopped.
 */
export function withdrawalOf(placement: Placement, desired: DesiredState, live: LiveState): Difference | undefined {
  const { key, spec, fingerprint } = placement;
  const own = live.machines[spec.machine];
  if (own?.state !== 'reachable' || spec.policy.onFailure !== 'rollback' || isCarried(spec)) return undefined;
  const stamp = stampOf(own, spec.service);
  if (stamp?.failed !== fingerprint || stamp.fingerprint !== undefined || stamp.healthy !== undefined) return undefined;
  if (stamp.adopted || stamp.prunedAt !== undefined) return undefined;
  // What was refused before it came up has nothing to be stopped.
  const cameUp = stamp.finishedAt !== undefined || live.sightings[key]?.state === 'present';
  const from = cameUp ? origin(placement, own, desired, live) : undefined;
  if (from === undefined) return undefined;
  const because = `it did not become healthy here, and runs on ${from} still`;
  return { key, reason: 'moved', because, fields: [], stamp };
}
