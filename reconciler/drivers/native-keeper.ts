// What a machine's own service manager must offer so that native and local services can be kept by it.
import type { ErrorCode, ErrorReport } from '../../schema/errors.js';
import { AppError } from '../../schema/errors.js';
import type { FileSeen, MachineFacts, Placement, RunState, Stamp, UsageSeen } from '../../schema/state.js';
import type { StepMerge } from '../commands/batch.js';
import type { Command } from '../commands/command.js';
import type { GeneratedFile, Ground, RunnerSeen, StartKind, Step } from './driver.js';

export type KeptScope = 'system' | 'user';

/** One program to be kept, whoever keeps it. */
export interface Wish {
  readonly unit: string;
  readonly scope: KeptScope;
  readonly service: string;
  readonly cluster?: string | undefined;
  /** Run as. */
  readonly user: string;
  readonly folder: string;
  readonly command: readonly string[];
  readonly envFiles: readonly string[];
  readonly stopTimeoutMs: number;
  readonly memoryBytes?: number | undefined;
  readonly cpus?: number | undefined;
  /** Where output goes when the manager has no journal. */
  readonly logFile: string;
  readonly identifier?: string;
}

/** A unit as `start` and `stop` name it. */
export interface Kept {
  readonly unit: string;
  readonly scope: KeptScope;
  readonly stopTimeoutMs: number;
}

export interface StartAsk extends Kept {
  /** Its file is written by us. */
  readonly ours: boolean;
  /** What runs already is ended first. */
  readonly restart: boolean;
  readonly user: string;
}

export interface LogsAsk {
  readonly follow: boolean;
  readonly lines: number;
  readonly since?: string;
  readonly logFile: string;
}

export interface Keeper {
  /** The unit file. */
  file(wish: Wish, facts: MachineFacts): GeneratedFile;
  start(ask: StartAsk, ground: Ground): readonly Step[];
  stop(kept: Kept): readonly Step[];
  /** After its file is gone. */
  remove(kept: Kept): readonly Step[];
  logs(kept: Kept, ask: LogsAsk, facts: MachineFacts): Command;
}

/** Steps of one unit that join those of others: `head unit unit …`. */
export function mergedStep(
  phase: Step['phase'],
  what: string,
  timeLimitMs: number,
  merge: StepMerge & { readonly word: string },
): Step {
  return { phase, what, timeLimitMs, merge, command: joinWord(merge.head, merge.word) };
}

function joinWord(head: Command, word: string): Command {
  return { words: [...head.words, { kind: 'syntax', text: ' ' }, { kind: 'text', text: word }] };
}

export function report(code: ErrorCode, message: string, hint?: string): ErrorReport {
  return new AppError(code, message, hint === undefined ? {} : { hint }).report();
}

/** Whom it runs as: written, else the SSH user (SPEC: root must be written, or be the SSH user). */
export function runAs(placement: Placement, facts: MachineFacts): string {
  return placement.spec.user ?? facts.user;
}

/**
 * A repair restarts only when a file that it runs from is put right: a disabled unit is enabled again without a
 * restart, a stopped one is started by `start` as well as by `restart`.
 */
export function needsRestart(
  kind: StartKind,
  wanted: Readonly<Record<string, string>>,
  seen: Readonly<Record<string, FileSeen>>,
): boolean {
  if (kind !== 'repair') return true;
  return Object.entries(wanted).some(([path, sha256]) => seen[path]?.sha256 !== sha256);
}

export function present(
  run: RunState,
  settings: Readonly<Record<string, string>>,
  more: {
    readonly pids: readonly number[];
    readonly startedAt?: number | undefined;
    readonly usage?: UsageSeen | undefined;
    readonly detail?: string | undefined;
  },
): RunnerSeen {
  const { pids, startedAt, usage, detail } = more;
  return {
    state: 'present',
    run,
    settings,
    pids,
    images: {},
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(usage === undefined ? {} : { usage }),
    ...(detail === undefined ? {} : { detail }),
  };
}

/** The stamp's unit and scope; a stamp of the bare supervisor has none. */
export function keptOf(stamp: Stamp): Kept | undefined {
  if (stamp.unit === undefined || stamp.scope === 'none') return undefined;
  return { unit: stamp.unit, scope: stamp.scope, stopTimeoutMs: stamp.stopTimeoutMs };
}

export const logFileOf = (stamp: Stamp): string => stamp.fields['log_file'] ?? `${stamp.path}/.portoser/log`;
