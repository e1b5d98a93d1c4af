// What passes that somebody asks of a controller's process let that controller know: what they change is no outage.
import type { PlacementKey } from '../../schema/registry-types.js';
import type { ApplyRun } from './apply-room.js';
import type { Considered } from './preview.js';
import type { Soak } from './soak.js';

export interface Beside {
  readonly watch: NonNullable<ApplyRun['watch']>;
  readonly onConsidered: (considered: Considered) => void;
}

export const changedBy = ({ plan }: Considered): ReadonlySet<PlacementKey> =>
  new Set(plan.waves.flat().map(change => change.key));

/** Nothing that was found before at what they replace counts any more: a person wants it anew. */
export function besideOf(watch: Beside['watch'], soak: Soak): Beside {
  return {
    watch,
    onConsidered: considered => {
      if (considered.plan.held !== undefined) return;
      const changed = changedBy(considered);
      soak.leave(changed);
      soak.settle(new Map([...soak.faults()].filter(([key]) => changed.has(key))));
    },
  };
}
