// What is told while it happens, to who follows live: everything that history is handed, and what only those see who look on.
import type { ErrorReport } from './errors.js';
import type { DeploymentResult, HistoryActor, HistoryRecord } from './history.js';
import type { ChangeKind, Next } from './plan.js';
import type { PlacementKey } from './registry-types.js';
import type { ControllerStatus } from './status.js';

/** A change of a run, by its placement and by the id that its record has in history once the run has ended. */
export interface Followed {
  readonly key: PlacementKey;
  readonly deployment: string;
}

export interface PlannedChange extends Followed {
  readonly kind: ChangeKind;
  readonly because: string;
  /** What stands in one wave may be done at once; counted from 0. */
  readonly wave: number;
}

interface OfRun {
  /** Id of the pass; history has a run of that id when it changed something. */
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface OfStep extends OfRun {
  readonly machine: string;
  /** Whose step it is; what several have in common is made as one. */
  readonly of: readonly Followed[];
}

/** How a run goes. A run may be planned more than once: what failed is tried again, or an older revision brought back. */
export type RunTold =
  | (OfRun & {
      readonly kind: 'run.planned';
      readonly trigger: string;
      readonly actor: HistoryActor;
      readonly commit?: string;
      /** Id of the plan. */
      readonly plan: string;
      readonly changes: readonly PlannedChange[];
    })
  /** What outlasts its pass goes on after it, and is told on. */
  | (OfRun & { readonly kind: 'run.ended'; readonly next: Next })
  | (OfRun & Followed & { readonly kind: 'deployment.told'; readonly text: string })
  | (OfRun &
      Followed & {
        readonly kind: 'deployment.ended';
        readonly result: Exclude<DeploymentResult, 'in-progress'>;
        readonly why?: string;
        readonly error?: ErrorReport;
      })
  | (OfStep & { readonly kind: 'step.begun'; readonly what: string })
  /** A line that it printed, of either stream, without its end; `cut`: the rest of it was left out. */
  | (OfStep & { readonly kind: 'step.line'; readonly text: string; readonly cut?: true })
  | (OfStep & {
      readonly kind: 'step.ended';
      readonly what: string;
      readonly result: 'done' | 'failed';
      /** Exit code, of `failed`. */
      readonly code?: number;
    });

/** What the controller notes of itself after each pass. */
export interface ControllerTold {
  readonly kind: 'controller';
  readonly status: ControllerStatus;
}

export type Told = HistoryRecord | RunTold | ControllerTold;

/** Where what happens is told while it happens. Telling never throws and never waits, whatever becomes of who follows. */
export interface Bus {
  tell(told: Told): void;
  /** Whether anybody may follow: what costs a machine something is asked of it only then. */
  followed(): boolean;
}
