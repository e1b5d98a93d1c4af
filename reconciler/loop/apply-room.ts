// What the carrying out of one plan works with.
import type PQueue from 'p-queue';
import type { Change, Outcome } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { LockHolder } from '../commands/lock.js';
import type { Progress } from '../operations/operation.js';
import type { PlanRun } from './batch-run.js';
import type { WayBack } from './go-back.js';

export interface ApplyRun extends PlanRun {
  readonly emit: (progress: Progress) => void;
  /** A newer commit was seen: what runs is finished, what has not begun is left to the next pass. */
  readonly superseded: () => boolean;
  readonly watch?: { pause(key: PlacementKey): void; resume(key: PlacementKey): void };
  /** Wait for changes that outlast the pass's interval too (a pass that a person waits for). */
  readonly toTheEnd: boolean;
  /** Something is to be settled that cannot wait: what is not done by then goes on alone, as past the interval. */
  readonly hurry?: AbortSignal;
  /** Told of what was `in-progress` when the plan's outcomes were given, once it has come to its end. */
  readonly endedLate?: (outcome: Outcome) => void;
  /** Told of when each change began and ended. */
  readonly times?: { began(key: PlacementKey): void; ended(key: PlacementKey): void };
  /** How a batch goes back from what failed in it; absent: this is going back already. */
  readonly wayBack?: Omit<WayBack, 'tell'>;
}

/** Whether a dependency outside the plan is healthy now, and else why not; asked once a pass. */
export type Dependencies = (key: PlacementKey) => Promise<string | undefined>;

export interface Room extends ApplyRun {
  readonly holder: LockHolder;
  readonly outcomes: Map<PlacementKey, Promise<Outcome>>;
  readonly dependencies: Dependencies;
  readonly workers: PQueue;
  /** Changes of moves that stop before they start. */
  readonly paired: ReadonlySet<PlacementKey>;
  /** All of the plan. */
  readonly changes: readonly Change[];
  /** Those whose end was told while their batch went on. */
  readonly toldEnds: Set<PlacementKey>;
}

export const skipped = (change: Change, why: string): Outcome => ({ key: change.key, result: 'skipped', why });
