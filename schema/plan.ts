// Differences, changes, plans and outcomes: plain data that can be printed, stored and approved.
import type { ErrorReport } from './errors.js';
import type { PlacementKey } from './registry-types.js';
import type { ImageSeen, Stamp } from './state.js';

export type Reason = 'missing' | 'stopped' | 'changed' | 'drifted' | 'unhealthy' | 'moved' | 'orphaned';

/** One field of a difference; `from` is what is there (or was applied), `to` what is wanted. */
export interface FieldChange {
  readonly field: string;
  readonly from?: string;
  readonly to?: string;
}

/** How a service moves that is stopped before it is started elsewhere. */
export interface Movement {
  /** Machine that it leaves. */
  readonly from: string;
  /** Its data are taken along. */
  readonly copies: boolean;
  /** An earlier attempt brought it over already, and did not see its end. */
  readonly handed: boolean;
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
  /** It stands elsewhere, and is stopped there first. */
  readonly move?: Movement;
  /** Machines that do not answer: its data may be there, since nobody sees them anywhere. */
  readonly mayBeOn?: readonly string[];
  /** A move away from here came to nothing: what was stopped is started again as it was. */
  readonly resumes?: true;
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
  readonly move?: Movement;
  readonly mayBeOn?: readonly string[];
  readonly resumes?: true;
  /** When and by whom it was changed on the machine, as far as the machine tells. */
  readonly culprits?: readonly Culprit[];
}

/** A command in the log of sudo. */
export interface LoggedCommand {
  readonly user: string;
  /** Terminal, such as `pts/1`. */
  readonly tty?: string;
  /** Milliseconds since 1970 by the machine's clock. */
  readonly at: number;
  /** Shortened, and without what looks like a secret. */
  readonly command: string;
  /** Any local user can write such lines into `auth.log`; the journal knows who wrote. */
  readonly log: 'journal' | 'auth.log';
}

/** What a machine's own records tell of something that was changed there. What they do not tell is left out, never guessed. */
export interface Culprit {
  /** Field of the change that it is about; absent: that it does not run, or is gone. */
  readonly field?: string;
  /** What happened, such as `stopped`, `killed by signal 9`, `edited`; absent: unknown. */
  readonly what?: string;
  /** Milliseconds since 1970 by the machine's clock; absent: unknown. */
  readonly at?: number;
  /** It happened then or earlier. */
  readonly atLatest?: true;
  /** The command that named it just before; absent: unknown who. */
  readonly by?: LoggedCommand;
  /** What was going on there at that time; proves nothing. */
  readonly hints?: readonly string[];
  /** All of it in a sentence's part. */
  readonly text: string;
}

/** Something that was left alone, and why. */
export interface LeftAlone {
  readonly key: PlacementKey;
  readonly why: string;
  /** `blocked` and `unknown` make the plan not clean; `suspended` and `in-progress` do not. `drifted`: policy leaves it so. */
  readonly state: 'blocked' | 'unknown' | 'suspended' | 'in-progress' | 'held' | 'kept' | 'drifted';
  /** What differs, where that is known. */
  readonly fields?: readonly FieldChange[];
  /** Of `drifted`: edited files that policy wants in git. */
  readonly takes?: readonly Takeover[];
  /** When that is over by itself, in milliseconds since 1970. */
  readonly until?: number;
  /** Of `drifted`: when and by whom, as far as the machine tells. */
  readonly culprits?: readonly Culprit[];
  readonly error?: ErrorReport;
}

/** A file of `source` that was edited on a machine. Hashes are SHA-256, hexadecimal. */
export interface Takeover {
  /** On the machine. */
  readonly path: string;
  /** In the repository. */
  readonly file: string;
  readonly executable: boolean;
  readonly found: string;
  /** As it was put there. */
  readonly was: string;
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

/** How one step of a change ended on its machine. */
export interface StepEnd {
  /** In words: `start its containers anew`. */
  readonly what: string;
  readonly result: 'done' | 'failed' | 'not-run';
  /** Exit code, of `failed`. */
  readonly code?: number;
  /** The end of what it printed, both streams. */
  readonly outputTail?: string;
}

export type Outcome =
  | {
      readonly key: PlacementKey;
      readonly result: 'applied';
      readonly kind: ChangeKind;
      readonly durationMs: number;
      /** What it runs from now, by inner service; absent where it is run without images, or does not run any more. */
      readonly images?: Readonly<Record<string, ImageSeen>>;
      /** In the order in which they were to be made. */
      readonly steps?: readonly StepEnd[];
    }
  | { readonly key: PlacementKey; readonly result: 'skipped'; readonly why: string }
  | {
      readonly key: PlacementKey;
      readonly result: 'failed';
      readonly error: ErrorReport;
      readonly outputTail?: string;
      /** What became of going back to the last healthy revision; absent: there was none, or policy does not want it. */
      readonly undone?: Undone;
      readonly steps?: readonly StepEnd[];
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
