// Differences, changes, plans and outcomes: plain data that can be printed, stored and approved.
import type { ErrorReport } from './errors.js';
import type { PlacementKey } from './registry-types.js';
import type { Stamp } from './state.js';

export type Reason = 'missing' | 'stopped' | 'changed' | 'drifted' | 'unhealthy' | 'moved' | 'orphaned';

/** One field of a difference; `from` is what is there (or was applied), `to` what is wanted. */
export interface FieldChange {
  readonly field: string;
  readonly from?: string;
  readonly to?: string;
}

export interface Difference {
  readonly key: PlacementKey;
  readonly reason: Reason;
  readonly fields: readonly FieldChange[];
  /** The reason in a sentence's part, such as `the unit file was edited on m1`. */
  readonly because: string;
  /** What stands on the machine now, when it is ours. */
  readonly stamp?: Stamp;
  /** The stamp names another place (path, unit, project): that one is released first. */
  readonly replaces?: true;
  /** All steps of an unfinished attempt were made: it lacks the gate and the stamp, not another start. */
  readonly made?: true;
}

export type ChangeKind = 'create' | 'update' | 'restart' | 'repair' | 'replace' | 'stop' | 'remove' | 'release';

export interface Change {
  readonly key: PlacementKey;
  readonly machine: string;
  readonly service: string;
  readonly kind: ChangeKind;
  readonly reason: Reason;
  readonly because: string;
  readonly fields: readonly FieldChange[];
  /** SHA-256 of the stamp that it assumes on the machine, or '' for none; compared just before it is made. */
  readonly basis: string;
  /** Keys that must have succeeded (or be healthy) before it starts. */
  readonly after: readonly PlacementKey[];
  /** The stamp that stands there now. */
  readonly stamp?: Stamp;
}

/** Something that was left alone, and why. */
export interface LeftAlone {
  readonly key: PlacementKey;
  readonly why: string;
  /** `blocked` and `unknown` make the plan not clean; `suspended` and `in-progress` do not. `drifted`: policy leaves it so. */
  readonly state: 'blocked' | 'unknown' | 'suspended' | 'in-progress' | 'held' | 'kept' | 'drifted';
  /** What differs, where that is known. */
  readonly fields?: readonly FieldChange[];
  /** When that is over by itself, in milliseconds since 1970. */
  readonly until?: number;
  readonly error?: ErrorReport;
}

/** A machine that is not worked on, and why. */
export interface MachineNote {
  readonly machine: string;
  readonly state: 'unknown' | 'blocked' | 'suspended' | 'leaving' | 'in-progress';
  readonly error?: ErrorReport;
  readonly why: string;
  /** When that is over by itself, in milliseconds since 1970. */
  readonly until?: number;
}

/** Why something of a plan does not go on, and what lets it. */
export interface Hold {
  readonly why: string;
  /** `approval` (when absent): a person, by its id. `observe`: nothing but another policy. `window`, `backoff`: time. */
  readonly by?: 'approval' | 'observe' | 'window' | 'backoff';
  /** When it goes on by itself, in milliseconds since 1970. */
  readonly until?: number;
}

/** A part of a plan that does not go on with the rest. */
export interface Waiting extends Hold {
  /** Approved by this id, as a plan is; what else the plan held when it was shown does not matter. */
  readonly id: string;
  readonly changes: readonly Change[];
}

export interface Plan {
  /** Short hash over commit and changes: the same plan has the same id. */
  readonly id: string;
  readonly commit: string;
  /** In order; what stands in one wave may be done at once. */
  readonly waves: readonly (readonly Change[])[];
  readonly leftAlone: readonly LeftAlone[];
  readonly machines: readonly MachineNote[];
  /** Set when the guard holds the whole plan: until a person approves it, when nothing else is said. */
  readonly held?: Hold;
  /** What the guard took out of the waves: the rest goes on without it. */
  readonly waiting?: readonly Waiting[];
  /** What it goes by, used up when it is carried out. `left`: what of it is approved on, because it waits for its time. */
  readonly approvals?: { readonly used: readonly string[]; readonly left?: string };
  /** Set when no machine can be reached, so that it is the controller that is cut off: nothing is said of the machines. */
  readonly isolated?: { readonly why: string };
}

export type Outcome =
  | { readonly key: PlacementKey; readonly result: 'applied'; readonly kind: ChangeKind; readonly durationMs: number }
  | { readonly key: PlacementKey; readonly result: 'skipped'; readonly why: string }
  | {
      readonly key: PlacementKey;
      readonly result: 'failed';
      readonly error: ErrorReport;
      readonly outputTail?: string;
      /** What became of going back to the last healthy revision; absent: there was none, or policy does not want it. */
      readonly undone?: Undone;
    }
  | { readonly key: PlacementKey; readonly result: 'in-progress'; readonly why: string };

/** `back`: the last healthy revision runs again, that of this commit. */
export type Undone =
  | { readonly result: 'back'; readonly commit: string }
  | { readonly result: 'failed'; readonly error: ErrorReport; readonly outputTail?: string };

/** What the loop does after a pass. */
export type Next =
  | { readonly next: 'settled' }
  | { readonly next: 'again'; readonly afterMs: number; readonly why: string }
  | { readonly next: 'stalled'; readonly why: string };
