// What a revision of an earlier commit depends on among the placements of today.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, Placement } from '../../schema/state.js';
import { lookupOf } from './lookup.js';

function reaches(from: PlacementKey, to: PlacementKey, desired: DesiredState): boolean {
  const { byKey } = lookupOf(desired);
  const seen = new Set([from]);
  for (const key of seen) for (const next of byKey.get(key)?.dependsOn ?? []) seen.add(next);
  return seen.has(to);
}

/**
 * Its services where they stand now: they may have moved since, or be gone. Without those that depend on it by now: each
 * would wait for the other.
 */
export function needsToday(older: Placement, desired: DesiredState): readonly PlacementKey[] {
  const { byService } = lookupOf(desired);
  const keys = older.spec.dependsOn.flatMap(service => byService.get(service) ?? []).map(one => one.key);
  return keys.filter(key => !reaches(key, older.key, desired));
}
