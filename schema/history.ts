// What history keeps, as plain data: runs (passes that changed something), their deployments, events, transitions of health.
import type { AuditRecord } from './audit.js';
import type { ErrorReport } from './errors.js';
import type { HistoryActor } from './intended.js';
import type { Write } from './journal.js';
import type { ChangeKind, FieldChange, Next, Plan, Reason, StepEnd, Undone } from './plan.js';
import type { PlacementKey } from './registry-types.js';
import type { Measurement } from './samples.js';
import type { HealthState, ImageSeen } from './state.js';
import type { Delivery } from './webhooks.js';

export type { HistoryActor } from './intended.js';

/** A pass that changed something, or tried to. All instants are milliseconds since 1970. */
export interface Run {
  readonly id: string;
  readonly trigger: string;
  readonly actor: HistoryActor;
  /** Absent: the registry was no commit's. */
  readonly commit?: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly plan: Plan;
  readonly next: Next;
}

export type DeploymentResult = 'applied' | 'failed' | 'skipped' | 'in-progress';

/** How a change ended. */
export interface DeploymentEnd {
  readonly result: DeploymentResult;
  /** Of `skipped` and `in-progress`. */
  readonly why?: string;
  readonly error?: ErrorReport;
  readonly outputTail?: string;
  readonly durationMs?: number;
  /** Of `applied`: what it runs from since, by inner service. */
  readonly images?: Readonly<Record<string, ImageSeen>>;
  /** Of `failed`: what became of going back to the last healthy revision. */
  readonly undone?: Undone;
  /** Of `applied` and `failed`. Lists of deployments leave them out. */
  readonly steps?: readonly StepEnd[];
}

/** The record of one change of a run. */
export interface Deployment extends DeploymentEnd {
  readonly id: string;
  readonly runId: string;
  readonly key: PlacementKey;
  readonly service: string;
  readonly machine: string;
  readonly kind: ChangeKind;
  readonly reason: Reason;
  readonly because: string;
  readonly fields: readonly FieldChange[];
  /** That of the revision: an older one than its run's where the last healthy revision was brought back. */
  readonly commit?: string;
  /** Of the revision that was brought up, or was to be; absent for what was stopped or removed. */
  readonly fingerprint?: string;
  /** What had been applied there before, when it was ours. */
  readonly previousCommit?: string;
  readonly trigger: string;
  readonly actor: HistoryActor;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A deployment together with the run that it was part of. */
export interface DeploymentInRun {
  readonly deployment: Deployment;
  readonly run: Run;
  /** The other deployments of that run, in the plan's order. */
  readonly others: readonly Deployment[];
  /** What the journal had for it, oldest first. */
  readonly writes: readonly Write[];
}

export type EventKind =
  | 'controller.started'
  | 'controller.stopped'
  /** None of the machines can be reached, and that one of them can be reached again. */
  | 'controller.isolated'
  | 'controller.rejoined'
  | 'git.commit'
  | 'drift.adopted'
  | 'pass.trouble'
  | 'pass.settled'
  | 'deploy.begun'
  | 'deploy.done'
  | 'deploy.failed'
  /** A revision failed, and the last healthy one runs again. */
  | 'deploy.undone'
  | 'health'
  | 'history.dropped';

export interface HistoryEvent {
  readonly id: string;
  readonly at: number;
  readonly kind: EventKind;
  readonly machine?: string;
  readonly key?: string;
  readonly text: string;
  readonly data?: Readonly<Record<string, string | number | boolean>>;
}

/** A placement's health changed. Uptime is made of these. */
export interface Transition {
  readonly id: string;
  readonly at: number;
  readonly key: PlacementKey;
  readonly machine: string;
  readonly from: HealthState;
  readonly to: HealthState;
  /** How long `from` had lasted. */
  readonly lastedMs: number;
  readonly found: string;
  /** A change of ours, a suspend, or that nobody watches it any more: neither an outage nor its end. */
  readonly planned: boolean;
}

/** What is handed to the store to keep. Each carries an id of ours, by which it is kept once however often it arrives. */
export type HistoryRecord =
  | { readonly kind: 'run'; readonly run: Run; readonly deployments: readonly Deployment[] }
  /** The end of a deployment that was `in-progress` when its run ended. */
  | { readonly kind: 'ended'; readonly deployment: string; readonly end: DeploymentEnd; readonly endedAt: number }
  | { readonly kind: 'event'; readonly event: HistoryEvent }
  | { readonly kind: 'transition'; readonly transition: Transition }
  | { readonly kind: 'write'; readonly write: Write }
  /** Comes again when it was repeated: the one with more times counts. */
  | { readonly kind: 'delivery'; readonly delivery: Delivery }
  /** A copy of a line of the audit log of that name. */
  | { readonly kind: 'audit'; readonly log: string; readonly record: AuditRecord }
  /** Known by machine and time. The first to go when too much waits. */
  | { readonly kind: 'samples'; readonly measurement: Measurement };

/** How it stands with history itself. */
export type HistoryState =
  | { readonly state: 'kept' }
  /** The database is on its way; what happens meanwhile waits. */
  | { readonly state: 'starting' }
  /** Records wait on disk until the database is back; the oldest are dropped when they become too many. */
  | {
      readonly state: 'away';
      readonly why: string;
      readonly hint: string;
      readonly waiting: number;
      readonly dropped: number;
    }
  /** No database can be had here. */
  | { readonly state: 'none'; readonly why: string; readonly hint: string };

export interface DeploymentsAsk {
  /** `web`, or `web@m1`. */
  readonly service?: string;
  readonly machine?: string;
  readonly limit: number;
}

export interface EventsAsk {
  /** Milliseconds since 1970; what happened then or later. */
  readonly since?: number;
  /** Id of an event: only what was kept after it, oldest first. Without it: the newest. */
  readonly after?: string;
  /** `web`, or `web@m1`. */
  readonly service?: string;
  readonly machine?: string;
  /** Only of these kinds. */
  readonly kinds?: readonly EventKind[];
  readonly limit: number;
}

export interface TransitionsAsk {
  /** `web`, or `web@m1`; absent: all. */
  readonly service?: string;
  /** Milliseconds since 1970; of each placement, the last one before it is told as well. */
  readonly since: number;
}
