// The interface of a driver: one file per service type, pure words and judgements; nothing here runs anything.
import type { ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec, ServiceType } from '../../schema/registry-types.js';
import type { FieldChange } from '../../schema/plan.js';
import type { FileSeen, MachineFacts, OwnFileSeen, Placement, RunState, Stamp, UsageSeen } from '../../schema/state.js';
import type { StepMerge } from '../commands/batch.js';
import type { Command } from '../commands/command.js';

/** A file that the driver writes itself (unit, Compose override, launcher). */
export interface GeneratedFile {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  readonly text: string;
  /** Owned by root (a system unit); else by the run-as user. */
  readonly root: boolean;
}

/** What a placement is called on its machine. */
export interface Identity {
  readonly unit?: string;
  readonly project?: string;
  readonly scope: 'system' | 'user' | 'none';
}

/** What to look at on a machine for one placement: made from the desired placement, or from a stamp alone. */
export interface Target {
  /** Index in the probe's list; frames name it. */
  readonly index: number;
  readonly service: string;
  readonly path: string;
  readonly identity: Identity;
}

/** What a driver read of one target. */
export type RunnerSeen =
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly error: ErrorReport }
  | {
      readonly state: 'present';
      readonly run: RunState;
      readonly settings: Readonly<Record<string, string>>;
      readonly pids: readonly number[];
      readonly startedAt?: number;
      readonly usage?: UsageSeen;
      readonly images: Readonly<Record<string, string>>;
      readonly detail?: string;
    };

/** Lines of one section of a probe's answer. */
export type Section = readonly string[];

/**
 * Where a step stands in a machine's batch. All changes of a wave go through one phase before the next begins, and
 * steps with the same `merge.key` in a phase become one command.
 */
export type Phase = 'prepare' | 'stop' | 'files' | 'setup' | 'reload' | 'enable' | 'start';

export interface Step {
  readonly phase: Phase;
  /** For people: `start the unit`. */
  readonly what: string;
  /** Complete by itself; when merged, `merge.head` with all the words of its group is run instead. */
  readonly command: Command;
  /** Steps of one phase with the same key are one command. */
  readonly merge?: StepMerge;
  readonly timeLimitMs: number;
  /** Needs nothing that is put there for it: a move does it before it stops what runs elsewhere. */
  readonly ahead?: true;
}

/** What is on the machine now, as far as a driver needs it to choose its words. */
export interface Ground {
  readonly facts: MachineFacts;
  /** Name of the cluster, for labels that people read. */
  readonly cluster?: string;
  readonly sudo: 'auto' | 'never' | 'always';
  readonly own: Readonly<Record<string, OwnFileSeen>>;
  readonly files: Readonly<Record<string, FileSeen>>;
}

export type StartKind = 'create' | 'update' | 'restart' | 'repair' | 'replace';

export interface Driver {
  readonly type: ServiceType;

  /** Fields of the fingerprint beyond those common to all (files, env, user, path are added by resolve). */
  fields(spec: ServiceSpec): Readonly<Record<string, string>>;

  /** What it is called there. `facts` are absent when the machine has not been seen: then the spec alone decides. */
  identity(spec: ServiceSpec, facts?: MachineFacts): Identity;

  /** The user's own files that it uses (absolute); hashed by the probe. With `text`, their text is sent along. */
  ownFiles(spec: ServiceSpec): readonly { readonly path: string; readonly text: boolean }[];

  /** Files to write, or why it cannot be done on this machine. */
  generate(placement: Placement, ground: Ground): readonly GeneratedFile[] | ErrorReport;

  /** Words that look at all its targets of a machine at once; output lines are read by `read`. Only reads; never sleeps. */
  look(targets: readonly Target[]): Command;
  read(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen>;

  /** Settings that differ from what a running, applied placement shows: drift, by field. Empty: all as it should be. */
  drift(placement: Placement, seen: RunnerSeen & { state: 'present' }, stamp: Stamp): readonly FieldChange[];

  /** Steps (besides managed files and stamps) that bring it up, for this kind of change. */
  start(placement: Placement, kind: StartKind, ground: Ground): readonly Step[];

  /** Steps that stop what the stamp names, so that it stays stopped over a reboot; data is kept. */
  stop(stamp: Stamp, ground: Ground): readonly Step[];

  /** As `stop`, with a note on the machine of what `resume` has to know and stopping loses. */
  pause(stamp: Stamp, ground: Ground): readonly Step[];

  /** Steps that start again what `pause` stopped, as it was, from what stands there. */
  resume(stamp: Stamp, ground: Ground): readonly Step[];

  /** Steps after `stop` that remove what we wrote to its runner (unit file, containers); never data. */
  remove(stamp: Stamp, ground: Ground): readonly Step[];

  /** Words that print its log; `follow` never ends by itself. */
  logs(
    stamp: Stamp,
    ask: { readonly follow: boolean; readonly lines: number; readonly since?: string },
    facts: MachineFacts,
  ): Command;

  /** Names under which others can get the same images (ids as `look` saw them); the answer's standard output is read by `read`. */
  readonly imageNames?: {
    ask(ids: readonly string[]): Command;
    read(output: string): ReadonlyMap<string, string>;
  };

  /** Error code and message that the output of a failed step of ours means; undefined: nothing better than the output itself. */
  explain(step: Step, output: string): ErrorReport | undefined;
}
