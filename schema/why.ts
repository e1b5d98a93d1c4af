// Why a service is as it is: what is decided for each placement, from which lines of the registry that follows, and who wrote them.
import type { Diagnostic, Position } from './diagnostics.js';
import type { ErrorReport } from './errors.js';
import type { ChangeKind, Culprit, Reason } from './plan.js';
import type { PlacementKey } from './registry-types.js';

/** Who last changed what stands somewhere in the repository. */
export type Blame =
  | {
      readonly state: 'committed';
      readonly commit: string;
      /** `Ada <ada@example.org>`. */
      readonly author: string;
      /** Milliseconds since 1970. */
      readonly at: number;
      /** First line of the message. */
      readonly subject: string;
    }
  /** It lies there otherwise than in the newest commit. */
  | { readonly state: 'uncommitted' }
  /** It is not written, and never was: Portoser's own default. */
  | { readonly state: 'never' }
  | { readonly state: 'unknown'; readonly why: string };

/** One place that a value comes from. */
export interface Origin {
  /** `services.web.env.PORT`, `vars.PORT`; or a file of the repository: `apps/web/app.py`. */
  readonly path: string;
  /**
   * `written`: the value stands there. `through`: what stands there names another place by a template, by `auto` or by tags.
   * `file`: a file that is kept on the machine. `gone`: nothing is written there (any more).
   */
  readonly how: 'written' | 'through' | 'file' | 'gone';
  /** Absent for `gone`. */
  readonly where?: Position;
  readonly last: Blame;
}

export interface FieldWhy {
  /** As a plan names it (`env.PORT`, `file:app.py`), or the key of the registry that decides (`policy.apply`). */
  readonly field: string;
  /** Absent: nothing. */
  readonly wanted?: string;
  readonly found?: string;
  /** Where the value really comes from, nearest to the value first. Empty: not from the repository. */
  readonly origins: readonly Origin[];
}

/** What is done about it, and if nothing, what that waits for. */
export type Decision =
  | 'nothing'
  | 'change'
  | 'dependency'
  | 'approval'
  | 'observe'
  | 'window'
  | 'backoff'
  | 'quarantined'
  | 'drifted'
  | 'blocked'
  | 'unknown'
  | 'suspended'
  | 'in-progress'
  | 'kept'
  | 'not-answering';

/** Words that would be run on the machine; secrets are masked. */
export interface StepThere {
  readonly what: string;
  /** Empty where it is done by other means. */
  readonly command: string;
}

export interface Work {
  /** Absolute paths of files that would be written. */
  readonly puts: readonly string[];
  readonly removes: readonly string[];
  readonly steps: readonly StepThere[];
}

export interface PlacementWhy {
  readonly key: PlacementKey;
  readonly service: string;
  readonly machine: string;
  readonly decision: Decision;
  /** Why it differs; absent where it does not, or nobody could look. */
  readonly reason?: Reason;
  /** What would be done; absent where nothing would. */
  readonly kind?: ChangeKind;
  /** The reason in a sentence's part. */
  readonly because: string;
  /** What keeps it from being done, and what lets it go on; absent for `change` and `nothing`. */
  readonly waits?: string;
  readonly letGo?: string;
  readonly error?: ErrorReport;
  readonly fields: readonly FieldWhy[];
  /** Keys of the registry that decide whether it is done: policy, suspend, what is not supported yet. */
  readonly rules: readonly FieldWhy[];
  /** When and by whom it was changed on the machine, as far as the machine tells. */
  readonly culprits?: readonly Culprit[];
  /** What would be done there when it is done. */
  readonly work?: Work;
  /** Why the words cannot be told. */
  readonly workUnknown?: string;
}

export interface WhyReport {
  readonly service: string;
  /** `work-tree`: made from the files as they lie there. */
  readonly commit: string;
  readonly differs: boolean;
  /** Why the rewritten branch is not followed. */
  readonly held?: string;
  /** A newer commit that was refused; this is of the last good one. */
  readonly refused?: string;
  readonly outage?: ErrorReport;
  readonly diagnostics: readonly Diagnostic[];
  /** Absent: the registry names it. Who took it out. */
  readonly removed?: Blame;
  /** Empty where the registry is not valid, and where nothing of a removed service is seen. */
  readonly placements: readonly PlacementWhy[];
}
