// What a pass reports, and the state that people ask for: shared by command line, API and dashboard.
import type { Diagnostic } from './diagnostics.js';
import type { ErrorCode, ErrorReport } from './errors.js';
import type { HistoryState } from './history.js';
import type { Settled } from './journal.js';
import type { Outcome, Plan, Next } from './plan.js';
import type { PlacementKey } from './registry-types.js';
import type { ReplicasState } from './replicas.js';
import type { HealthState, MachineFacts, RunState } from './state.js';
import type { WebhookCounts } from './webhooks.js';

/** One reconciliation, from its trigger to its end. */
export interface PassReport {
  readonly id: string;
  readonly trigger: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly commit?: string;
  /** A newer commit whose registry was refused, and is told by the diagnostics; `commit` is the one gone by instead, if there is one. */
  readonly refused?: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly plan?: Plan;
  readonly outcomes: readonly Outcome[];
  /** What the last look after applying shows to be amiss, by placement. */
  readonly findings: readonly Finding[];
  readonly error?: ErrorReport;
  /** Writes of processes that were killed, and what became of them; absent when there are none. */
  readonly settled?: readonly Settled[];
  readonly next: Next;
}

export interface Finding {
  readonly key?: PlacementKey;
  readonly machine?: string;
  readonly kind: 'not-answering' | 'not-converged' | 'unreachable' | 'isolated' | 'blocked' | 'git' | 'registry';
  readonly message: string;
  /** Of the error that it comes from; `hint` is that error's. */
  readonly code?: ErrorCode;
  readonly hint?: string;
}

export interface PlacementStatus {
  readonly key: PlacementKey;
  readonly service: string;
  readonly machine: string;
  /** `synced`: what git says runs there. `differs`: the plan would change it. */
  readonly sync: 'synced' | 'differs' | 'blocked' | 'unknown' | 'leaving';
  readonly why?: string;
  readonly health: HealthState | 'not-answering';
  readonly found?: string;
  readonly run?: RunState;
  readonly startedAt?: number;
  readonly ports: readonly number[];
  readonly survivesReboot: boolean;
}

export interface MachineStatus {
  readonly machine: string;
  readonly host: string;
  readonly state: 'reachable' | 'unknown' | 'blocked' | 'suspended' | 'leaving';
  readonly why?: string;
  readonly facts?: MachineFacts;
}

export interface StatusReport {
  readonly at: number;
  readonly cluster: string;
  readonly repository: string;
  readonly branch?: string;
  /** Commit that the plan was made from. */
  readonly commit?: string;
  readonly appliedCommit?: string;
  readonly planId?: string;
  readonly held?: string;
  /** What is held of the plan, all of it or parts, with what lets it go on. */
  readonly waits?: readonly { readonly id: string; readonly why: string; readonly letGo: string }[];
  /** No machine can be reached: it is the controller that is cut off. */
  readonly isolated?: string;
  readonly machines: readonly MachineStatus[];
  readonly placements: readonly PlacementStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** Written by a running controller; absent when none runs. */
  readonly controller?: ControllerStatus;
}

/** What `run` notes in its state folder for others to read. */
export interface ControllerStatus {
  readonly pid: number;
  /** `pid:start time`, by which a note of a controller that is gone is told from one of a controller that runs. */
  readonly process?: string;
  readonly since: number;
  readonly git: { readonly checkedAt?: number; readonly result: string; readonly nextCheckAt?: number };
  readonly lastPass?: {
    readonly id: string;
    readonly endedAt: number;
    readonly commit?: string;
    readonly result: string;
  };
  readonly nextPassAt?: number;
  /** Whether what happens is kept. */
  readonly history?: HistoryState;
  /** Where a Redis is configured: whether it is shared with others now. */
  readonly replicas?: ReplicasState;
  readonly webhooks?: WebhookCounts;
}
