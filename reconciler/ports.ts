// Interfaces to the world: what the loop may ask of git, machines, disk and time. Adapters and fakes implement them.
import type { Duplex } from 'node:stream';
import type {
  Deployment,
  DeploymentInRun,
  DeploymentsAsk,
  EventsAsk,
  HistoryEvent,
  HistoryRecord,
  HistoryState,
  Transition,
  TransitionsAsk,
} from '../schema/history.js';
import type { Forge } from '../schema/forge.js';
import type { Audit, AuditAnchor, AuditAsk, AuditRecord } from '../schema/audit.js';
import type { Intent, LeftIntent } from '../schema/journal.js';
import type { Bus, Told } from '../schema/live.js';
import type { Post } from '../schema/notify.js';
import type { ReplicasState } from '../schema/replicas.js';
import type { Machine } from '../schema/registry-types.js';
import type { Delivery } from '../schema/webhooks.js';
import type { Redactor } from '../schema/redact.js';
import type { Measurement, SamplesAsk, SampleSeries, SampleSpan, SpansAsk } from '../schema/samples.js';
import type { Command } from './commands/command.js';
import type { EditFiles, GitRepo, RepoFiles } from './ports-git.js';

export type { CommitFacts, EditedContent, EditFiles, GitRepo, RepoEntry, RepoFiles } from './ports-git.js';

export interface RunLimits {
  /** The command is ended here and on the machine when it takes longer. */
  readonly timeLimitMs: number;
  /** Bytes kept of each output, from its end; default 8 MiB. What is cut is told by `truncated`. */
  readonly outputLimit?: number;
  /** Whole script as root (`sudo -n /bin/sh -s`); default: only where the machine says `sudo: always`. */
  readonly root?: boolean;
  /** It goes on for as long as somebody looks: it takes no turn of others, and is ended (`live-limit`) where one has no room. */
  readonly yields?: true;
  /** Standard output as it comes. */
  readonly onOutput?: (chunk: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

/** A command whose standard output, or input, is a stream of bytes. */
export interface CarryEnd {
  readonly machine: Machine;
  readonly command: Command;
}

export interface CarryLimits {
  /** Both commands are ended when no byte came for so long, or when the signal fires; both are then `timedOut`. */
  readonly stallMs: number;
  readonly signal?: AbortSignal;
  /** Bytes carried so far. */
  readonly onBytes?: (count: number) => void;
}

export interface Carried {
  readonly bytes: number;
  readonly from: CommandResult;
  readonly to: CommandResult;
}

/** One shape for success and failure. */
export interface CommandResult {
  readonly machine: string;
  readonly display: string;
  /** null: no exit code came (lost, ended by us or by a signal): always a failure. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** The connection went away before the end; the command may go on there. */
  readonly lost: boolean;
  readonly truncated: boolean;
}

/** Every machine, by one connection each. Throws AppError (`ssh-…`) when there is no connection to be had. */
export interface RemoteShell {
  run(machine: Machine, command: Command, limits: RunLimits): Promise<CommandResult>;
  /**
   * What one command prints goes into the standard input of another, which may run on another machine; neither machine
   * needs to know the other, and never more than a few blocks are held here. Answers when both have ended.
   */
  carry(from: CarryEnd, to: CarryEnd, limits: CarryLimits): Promise<Carried>;
  /** A byte stream to host:port as seen from the machine. Throws `ssh-forward-refused` or `ssh-unreachable`; ECONNREFUSED there is `command-failed`. */
  dial(machine: Machine, host: string, port: number, timeLimitMs: number): Promise<Duplex>;
  /** The host keys that the machine shows now (`ssh-ed25519 AAAA…`) with their SHA256 fingerprints; for `machine trust`. Nothing is trusted by asking. */
  hostKeys(machine: Machine): Promise<readonly { readonly key: string; readonly fingerprint: string }[]>;
  /** Tells the shell which machines there are, so that jumps can be resolved and connections of others be closed. */
  setMachines(machines: readonly Machine[]): void;
  /** Begins to connect to machines that will most likely be asked; who then asks is told when it fails. */
  connectAhead?(machines: readonly Machine[]): void;
  close(): Promise<void>;
}

export interface HttpAsk {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly hostHeader?: string;
  readonly tlsVerify: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  /** At most the first 64 KiB. */
  readonly body: string;
}

/** Looks at ports of a machine from its own loopback; nothing needs to be open to the controller. */
export interface Tunnel {
  http(machine: Machine, ask: HttpAsk, timeLimitMs: number): Promise<HttpAnswer>;
  /** Resolves when something accepts. */
  connect(machine: Machine, host: string, port: number, timeLimitMs: number): Promise<void>;
}

/** A small folder of named JSON documents on the controller's disk; writes are atomic and synced. */
export interface StateDir {
  readonly path: string;
  /** The controller's persistent id. */
  controllerId(): Promise<string>;
  read<T>(name: string): Promise<T | undefined>;
  write(name: string, value: unknown): Promise<void>;
  /**
   * Reads a document, changes and writes it as one, among all processes that have this folder. `become` answers what it was
   * given to leave it as it is. Throws `state-note-busy` when another process does not come to its end with it.
   */
  change<T>(name: string, become: (before: T | undefined) => T | undefined): Promise<void>;
  /** This process as `pid:start time`, for the holder of a machine's lock. */
  readonly processName: string;
  /** Whether the process of that name still runs on this machine. */
  runs(processName: string): boolean;
  /** Taken by one `run` at a time; throws `state-dir-busy`. Answers the release. */
  lock(): Promise<() => Promise<void>>;
}

/**
 * The local diary of writes: each is noted before it is made and after, on the disk before the call returns. Throws
 * `state-dir-unusable`: what could not be noted before must not be made.
 */
export interface Journal {
  /** Again for the same id: it then says what it says last. */
  begin(intent: Intent, at: number): Promise<void>;
  /** `error`: code of what it failed with. */
  end(id: string, at: number, error?: string): Promise<void>;
  /** Open intents of processes that are gone, oldest first. Those that run look after their own. */
  left(): Promise<readonly LeftIntent[]>;
  /** Closes intents of processes that are gone. */
  settle(ids: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds from any fixed point; never goes back. */
  monotonic(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Log {
  child(fields: Readonly<Record<string, unknown>>): Log;
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Calls back at the times of a cron expression. */
export interface Schedule {
  every(cron: string, due: () => void): () => void;
}

/** Where the registry is read from. */
export interface Source {
  /** Absent for a registry file outside any repository. */
  readonly git?: GitRepo;
  /** The person's own work tree, when the current folder is one. */
  readonly workTree?: WorkTree;
  /** Path of the registry in the repository (or of the file outside any). */
  readonly path: string;
}

/** A person's work tree: files as they lie there; an edit is a commit of just that file, as that person. */
export interface WorkTree {
  readonly folder: string;
  files(): Promise<RepoFiles>;
  /** Writes these texts, commits only them with the person's own identity, pushes where there is an upstream. Throws `registry-edit` when one of them is dirty. */
  commit(edit: EditFiles, message: string, trailers: Readonly<Record<string, string>>): Promise<string>;
}

/**
 * The diary. It holds nothing that a pass or a lock needs: without it everything goes on, and only history is missing.
 * Writing never throws and never waits. Reading throws `store-away` or `store-none` when there is no database to ask.
 */
export interface Store {
  /**
   * Takes note and returns at once. While the database is away the record waits on disk, and is caught up in order, once.
   * `kept` is called when no kill can lose it any more: it is in the database, or synced to the disk (or nobody will ever
   * keep it, where no database can be had). It never is for what waits in memory when the process ends.
   */
  record(record: HistoryRecord, kept?: () => void): void;
  /** For the controller: starts the database, keeps it up, catches up and clears what is too old; all in the background. `close` ends it. */
  serve(): void;
  state(): HistoryState;
  /** Newest first. */
  deployments(ask: DeploymentsAsk): Promise<readonly Deployment[]>;
  /** By the beginning of its id, or of its run's. Throws `unknown-name` for none, and for several. */
  deployment(prefix: string): Promise<DeploymentInRun>;
  /** Oldest first. Throws `unknown-name` for an `after` that is not kept. */
  events(ask: EventsAsk): Promise<readonly HistoryEvent[]>;
  /** Oldest first, from an instant on. */
  transitions(key: string, since: number): Promise<readonly Transition[]>;
  /** Oldest first: from an instant on, and how each placement stood just then. The last one of a placement is kept however old it is. */
  transitionsSince(ask: TransitionsAsk): Promise<readonly Transition[]>;
  /** What came by webhooks, newest first. */
  deliveries(limit: number): Promise<readonly Delivery[]>;
  /** One measure of one machine over a time, as fine as it is kept or as coarse as is asked. */
  samples(ask: SamplesAsk): Promise<SampleSeries>;
  /** Every measure over a time, by machine and name. */
  spans(ask: SpansAsk): Promise<readonly SampleSpan[]>;
  /** What was measured last of each machine within a day, or of that one; by name. */
  newest(machine?: string): Promise<readonly Measurement[]>;
  /** The last record of that audit log that was copied here. */
  auditHead(log: string): Promise<AuditAnchor | undefined>;
  /** The copies of records of all audit logs, newest first. */
  audit(ask: AuditAsk): Promise<readonly AuditRecord[]>;
  /** Brings what was noted to the database or to disk, and stops what `serve` started. Nothing is noted afterwards. */
  close(): Promise<void>;
}

/**
 * What several controllers of one fleet have in common: what was measured last, and what happens. A convenience that nothing
 * rests on: nothing of it throws, nothing waits for it longer than its own short deadline, and while it is away each
 * controller has what it put there itself.
 */
export interface Replicas {
  /** Notes a value on a shelf for so long, in the place of the one before; returns at once. */
  put(shelf: string, key: string, value: unknown, keepMs: number): void;
  /** What is on a shelf now, by key; others may have put it there. */
  all(shelf: string): Promise<ReadonlyMap<string, unknown>>;
  /** Tells all others, never this process itself; returns at once. Who is away then is not told later: history has it. */
  tell(told: Told): void;
  /** What others tell; answers how to stop. */
  follow(follower: (told: Told) => void): () => void;
  /** Whether any other may follow. */
  followed(): boolean;
  state(): ReplicasState;
  /** What was told last is told, within the deadline. */
  close(): Promise<void>;
}

/** All ports that the loop and the operations work through. */
export interface Ports {
  readonly source: Source;
  readonly shell: RemoteShell;
  readonly tunnel: Tunnel;
  readonly state: StateDir;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly schedule: Schedule;
  readonly store: Store;
  /** Absent: nobody can follow. What the store is handed is told by itself. */
  readonly bus?: Bus;
  /** Absent: nobody gave a token for it. */
  readonly forge?: Forge;
  /** Absent: nobody can be told here. */
  readonly post?: Post;
  readonly audit: Audit;
  /** Takes known secrets out of what is told. */
  readonly redactor: Redactor;
  /** Absent: nobody else, and nothing to remember it in. */
  readonly replicas?: Replicas;
  /** Unguessable hexadecimal id; a port so that tests can count. */
  readonly newId: () => string;
  /** Only in a process that a test may kill here: passed at every place where that must do no harm. */
  readonly crashPoint?: (name: string) => void;
}
