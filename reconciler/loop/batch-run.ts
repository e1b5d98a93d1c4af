// What the making of one batch of one machine works with, from its changes to their outcomes.
import type { ErrorReport } from '../../schema/errors.js';
import { lastOf } from '../../schema/excerpt.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { Machine, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement } from '../../schema/state.js';
import type { BatchChange } from '../commands/batch.js';
import type { LockHolder } from '../commands/lock.js';
import type { Driver, GeneratedFile, Ground, Step } from '../drivers/driver.js';
import type { Lists, Progress } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';

/** The lock that the work on a machine stands under; the fence is '' while nobody can say what became of it. */
export interface Held {
  fence: string;
}

/** What a plan was made from, and is carried out by. */
export interface PlanRun {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly files: RepoFiles;
  /** Of placements that are of an older commit. */
  readonly olderFiles: ReadonlyMap<PlacementKey, RepoFiles>;
  /** Machines that left the registry, at their old addresses. */
  readonly leaving: readonly Machine[];
  readonly signal: AbortSignal;
  /** The run that it is part of, for the journal. */
  readonly runId?: string;
}

export interface BatchRun extends PlanRun {
  readonly machine: Machine;
  readonly holder: LockHolder;
  readonly told: (key: PlacementKey, text: string) => void;
  readonly emit?: (progress: Progress) => void;
  /** Goes back from what of these failed, before the rest is waited for; the lock is kept meanwhile. */
  readonly goBack?: (run: BatchRun, outcomes: readonly Outcome[], under: Held) => Promise<readonly Outcome[]>;
  /** Part of work that holds the lock already: it is taken again by the same holder, and kept. */
  readonly under?: Held;
}

/** A change with all that its words are made of. */
export interface Prepared {
  readonly change: Change;
  readonly driver: Driver;
  readonly ground: Ground;
  readonly steps: readonly Step[];
  readonly batch: BatchChange;
  readonly placement?: Placement;
  readonly generated: readonly GeneratedFile[];
}

export type Starting = Prepared & { readonly placement: Placement };

export const isStart = (prepared: Prepared): prepared is Starting => prepared.placement !== undefined;

export const failed = (
  change: Change,
  error: ErrorReport,
  output?: string,
): Extract<Outcome, { result: 'failed' }> => ({
  key: change.key,
  result: 'failed',
  error,
  ...(output === undefined || output.trim() === '' ? {} : { outputTail: lastOf(output.trim(), 2000) }),
});
