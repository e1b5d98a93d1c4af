// What a run is about to change, as the journal has it before anything is changed: enough to tell history of it without its process.
import type { ErrorReport } from './errors.js';
import type { Change } from './plan.js';

/** Who asked for it: a person at a command line, the controller's own loop, a client of the API. */
export interface HistoryActor {
  readonly name: string;
  readonly by: 'cli' | 'loop' | 'api';
}

/** A change without the stamp that it found. */
export interface IntendedChange extends Omit<Change, 'stamp' | 'after'> {
  /** That of the revision; absent: the registry was no commit's. */
  readonly commit?: string;
  /** Of the revision that is to be brought up; absent for what is stopped or removed. */
  readonly fingerprint?: string;
  readonly previousCommit?: string;
  /** It became ill after an earlier run had called it healthy: whatever comes of it, that is its end. */
  readonly ill?: ErrorReport;
  /** It stays as it comes up, healthy or not (`on_failure: leave`): its stamp does not tell which. */
  readonly stays?: true;
}

/** All instants are milliseconds since 1970. */
export interface IntendedRun {
  readonly trigger: string;
  readonly actor: HistoryActor;
  readonly commit?: string;
  readonly startedAt: number;
  readonly plan: { readonly id: string; readonly commit: string };
  /** In the plan's order. */
  readonly changes: readonly IntendedChange[];
}
