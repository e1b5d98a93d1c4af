// What became of a change that failed: whether what was healthy before it is back.
import type { Change, Outcome, Undone } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, Instead } from '../../schema/state.js';
import { lookupOf } from './lookup.js';

/** What a change goes back to from a revision that failed; undefined: it does something else, be it to what runs instead. */
export function wayBackOf(change: Change, desired: DesiredState): Instead | undefined {
  const instead = lookupOf(desired).byKey.get(change.key)?.instead;
  return change.stamp?.failed === instead?.of && change.stamp?.fingerprint === undefined ? instead : undefined;
}

/** The outcomes, each with what came of going back from it. */
export function withUndone(
  outcomes: readonly Outcome[],
  back: readonly Outcome[],
  instead: ReadonlyMap<PlacementKey, Instead>,
): readonly Outcome[] {
  return outcomes.map(one => {
    const commit = instead.get(one.key)?.commit;
    const undone =
      commit &&
      undoneBy(
        back.find(other => other.key === one.key),
        commit,
      );
    return one.result === 'failed' && one.undone === undefined && undone ? { ...one, undone } : one;
  });
}

/** `outcome`: of going back to that commit; undefined: nobody went back. */
export function undoneBy(outcome: Outcome | undefined, commit: string): Undone | undefined {
  switch (outcome?.result) {
    case 'applied':
      return { result: 'back', commit };
    case 'failed': {
      const { error, outputTail } = outcome;
      return { result: 'failed', error, ...(outputTail === undefined ? {} : { outputTail }) };
    }
    case 'skipped':
    case 'in-progress':
    case undefined:
      return undefined;
    default:
      return outcome satisfies never;
  }
}
