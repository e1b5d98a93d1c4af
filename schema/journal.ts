// What the journal keeps: each write as it was meant, and what became of those that a killed process had begun.
import type { IntendedRun } from './intended.js';

/** What is about to be written, where, and for what. It never holds a secret. */
export interface Intent {
  readonly id: string;
  /** `history`: a run; open until all that came of it is kept. */
  readonly to: 'machine' | 'git' | 'state' | 'history';
  /** Name of the machine, address of the repository (without credentials), name of the document, or `history`. */
  readonly where: string;
  /** `batch`, `stamps`, `copy`, `exec`, `claim`, `forget`, `lock.break`, `suspend`, `resume`, `note`, `run`, or the operation that edits the registry. */
  readonly what: string;
  /** Placements that it is for, or what a note names. */
  readonly keys: readonly string[];
  /** The run that it is part of. */
  readonly run?: string;
  /** Of `history`, whose id is the run's. */
  readonly intends?: IntendedRun;
}

/** An intent without a result, of a process that is gone. */
export interface LeftIntent extends Intent {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `pid:start time` of the process that began it. */
  readonly process: string;
}

/** `done`: the world shows it. `again`: it is not whole, and this pass or the next does it again. `gone`: nobody finishes it. */
export type LeftEnd = 'done' | 'again' | 'gone';

/** A write as the journal had it, and how it ended: what history keeps of it. */
export interface Write extends Intent {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Absent: its process was killed before it could say. */
  readonly endedAt?: number;
  /** Code of what it failed with. */
  readonly error?: string;
  /** Of a killed process: what was found out about it later, and in a line. */
  readonly end?: LeftEnd;
  readonly text?: string;
}

/** How an intent of a killed process was closed, with one line for people. */
export interface Settled extends LeftIntent {
  readonly end: LeftEnd;
  readonly text: string;
}
