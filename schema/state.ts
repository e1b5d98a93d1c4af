// What is wanted (desired state) and what is seen (live state), as plain data.
import type { ErrorReport } from './errors.js';
import type { Destination } from './notify.js';
import type { Arch, Machine, PlacementKey, Platform, Policy, ServiceSpec, ServiceType } from './registry-types.js';
import type { CameFrom, StampMove } from './stamp-moves.js';

/** A file from the repository's `source` folder, kept at the placement's path. */
export interface SourceFile {
  /** Relative to `path`. */
  readonly path: string;
  readonly sha256: string;
  readonly mode: 0o644 | 0o755;
  /** Git object id, by which the content is read at the moment of sending. */
  readonly oid: string;
  readonly bytes: number;
}

/** A placement as git wants it. */
export interface Placement {
  readonly key: PlacementKey;
  readonly spec: ServiceSpec;
  readonly source: readonly SourceFile[];
  /** Text of files under `source` that drivers read (compose file, pyproject.toml), by relative path. */
  readonly texts: Readonly<Record<string, string>>;
  /** All that running needs, one value a name (`command`, `env.PORT`, `file:app.py`): the input of the fingerprint. */
  readonly fields: Readonly<Record<string, string>>;
  /** SHA-256 over the fields, hexadecimal. */
  readonly fingerprint: string;
  /** Keys of the placements that must be healthy first. */
  readonly dependsOn: readonly PlacementKey[];
  /** Why it is not applied, found without looking at machines. */
  readonly blocked?: string;
  /** Set where not the newest revision is wanted, but the last healthy one before it. */
  readonly instead?: Instead;
  /** It failed, and the last healthy revision cannot be brought back: why. */
  readonly noWayBack?: string;
}

/** A revision that failed, and what runs in its place. */
export interface Instead {
  /** Fingerprint of the revision that failed: in quarantine. */
  readonly of: string;
  /** Where the revision that is wanted instead was resolved. */
  readonly commit: string;
  /** Image ids by inner service that it must run from, because what its tags name is another image by now. */
  readonly images: Readonly<Record<string, string>>;
}

export interface DesiredState {
  readonly commit: string;
  readonly cluster: string;
  /** The repository's root commit, or '' for a registry outside any repository. */
  readonly rootCommit: string;
  readonly machines: readonly Machine[];
  readonly placements: readonly Placement[];
  readonly policy: Policy;
  /** Who is told what. */
  readonly notify?: readonly Destination[];
}

/** A file that we put on a machine, as its stamp records it. */
export interface StampFile {
  readonly path: string;
  readonly mode: number;
  readonly sha256: string;
  /** `source`: from git. `generated`: written by a driver. */
  readonly kind: 'source' | 'generated';
}

/** The image that a container runs from. */
export interface ImageSeen {
  /** As the engine of its machine knows it: `sha256:…`. */
  readonly id: string;
  /** `name@sha256:…`, by which a registry gives the same one again; absent for what was built or loaded there. */
  readonly digest?: string;
}

/** What is needed to bring a revision back: the commit has its files and words, the machine its images. */
export interface HealthyRevision {
  readonly fingerprint: string;
  readonly commit: string;
  /** Image id by inner service. */
  readonly images: Readonly<Record<string, string>>;
  /** It runs from these ids, and not from what its tags name by now. */
  readonly pinned: boolean;
}

/** A placement's record in the state folder of its machine: it alone decides what is ours. */
export interface Stamp {
  readonly service: string;
  readonly driver: ServiceType;
  readonly scope: 'system' | 'user' | 'none';
  readonly path: string;
  /** Unit with suffix, launchd label or rc.d name; absent for Compose and the bare supervisor. */
  readonly unit?: string;
  /** Compose project. */
  readonly project?: string;
  /** Absent: claimed, and not finished. */
  readonly fingerprint?: string;
  /** A fingerprint that was applied and did not pass its gate: not tried again until git changes it or a person asks. */
  readonly failed?: string;
  /** The last other revision that was healthy: what is gone back to when this one fails. */
  readonly healthy?: HealthyRevision;
  readonly commit: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly files: readonly StampFile[];
  /** The user's own files that it uses: SHA-256 by absolute path; '' = was not there. */
  readonly own: Readonly<Record<string, string>>;
  /** Image id by inner service. */
  readonly images: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly dependsOn: readonly string[];
  /** We took it over as it ran, or did not write it (an existing unit): prune releases it, and never stops it. */
  readonly adopted: boolean;
  /** The registry said so when it was written: who removes it removes what holds data. */
  readonly stateful?: true;
  readonly stopTimeoutMs: number;
  /** Seconds since 1970 by the machine's clock when it was last brought up and found healthy. */
  readonly finishedAt?: number;
  /** Seconds since 1970 by the machine's clock when prune stopped it. */
  readonly prunedAt?: number;
  readonly move?: StampMove;
  readonly from?: CameFrom;
  /** SHA-256 of its text where another version wrote it, and this one would write it otherwise. */
  readonly basis?: string;
}

export interface FileSystemUse {
  readonly mount: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly inodesFreePercent?: number;
}

/** What a machine says of itself. */
export interface MachineFacts {
  readonly platform: Platform;
  readonly arch: Arch | 'other';
  readonly kernel: string;
  readonly hostname: string;
  readonly bootId: string;
  /** Seconds since 1970 by its own clock. */
  readonly clock: number;
  readonly uptimeSeconds: number;
  readonly load1: number;
  readonly cpus: number;
  readonly memoryTotalBytes: number;
  readonly memoryFreeBytes: number;
  readonly fileSystems: readonly FileSystemUse[];
  /** Since boot, in clock ticks: for the difference of two samples. */
  readonly cpuTicks?: { readonly busy: number; readonly total: number };
  readonly network: Readonly<Record<string, { readonly receivedBytes: number; readonly sentBytes: number }>>;
  readonly temperatureCelsius?: number;
  /** The SSH user's. */
  readonly uid: number;
  readonly user: string;
  readonly home: string;
  readonly serviceManager: 'systemd' | 'launchd' | 'rc' | 'none';
  readonly hasUv: boolean;
}

export interface Listener {
  readonly port: number;
  readonly address: string;
  readonly pid?: number;
  readonly process?: string;
}

export interface LockSeen {
  readonly controller: string;
  /** `pid:start time` on the controller's machine. */
  readonly process: string;
  readonly ageSeconds: number;
  readonly fence: number;
}

/** Hands off, by command: stands in the machine's state folder, so that every controller knows it. */
export interface Suspend {
  /** Absent: the whole machine. */
  readonly service?: string;
  readonly reason: string;
  readonly by: string;
  /** Seconds since 1970 by the machine's own clock, as is `until`. */
  readonly at: number;
  /** Absent: until it is resumed. */
  readonly until?: number;
}

/** A machine that answered. */
export interface MachineSeen {
  readonly state: 'reachable';
  readonly facts: MachineFacts;
  /** The state folder of this cluster there; exists only after the first change. */
  readonly stateFolder: { readonly path: string; readonly exists: boolean };
  /** Random id in its state folder; absent before the first change. */
  readonly id?: string;
  /** Root commit of the repository that owns the cluster's name there; absent before the first change. */
  readonly identity?: string;
  readonly stamps: readonly Stamp[];
  /** Stamps that are damaged or of a newer version: nobody knows what of the machine is ours. */
  readonly unreadableStamps?: number;
  readonly listeners: readonly Listener[];
  /** Also those whose time is over. */
  readonly suspends?: readonly Suspend[];
  readonly lock?: LockSeen;
  /** Steps that began and have not ended, by id. */
  readonly openSteps: readonly string[];
  /** By service: the note of a start whose every step was made, whether or not anybody was there to judge it. */
  readonly made?: Readonly<Record<string, string>>;
}

export interface MachineUnknown {
  readonly state: 'unknown';
  readonly error: ErrorReport;
}

export type MachineView = MachineSeen | MachineUnknown;

export interface FileSeen {
  readonly sha256: string;
  readonly mode?: number;
}

/** What a placement uses of its machine. */
export interface UsageSeen {
  /**
   * Seconds of processor time since what counts them began (a container's or unit's control group, a process group), by
   * its name there: for the difference of two looks.
   */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Control groups: without page cache that lies idle. Process groups: pages that processes share count for each. */
  readonly memoryBytes?: number;
}

/** How its runner stands: one vocabulary for units, containers and processes. */
export type RunState = 'running' | 'starting' | 'stopped' | 'failed' | 'crash-looping';

/**
 * One placement as probed. `absent`: nothing of that name there. `present`: there is a unit, a project or a process;
 * whether it is ours, the machine's stamps say.
 */
export type Sighting =
  | { readonly state: 'unknown'; readonly error: ErrorReport }
  | {
      readonly state: 'absent';
      readonly files: Readonly<Record<string, FileSeen>>;
      readonly own: Readonly<Record<string, OwnFileSeen>>;
    }
  | {
      readonly state: 'present';
      readonly run: RunState;
      /** Settings found that the driver compares, such as `enabled`, `unit-load`, `restarts`. */
      readonly settings: Readonly<Record<string, string>>;
      readonly pids: readonly number[];
      /** Seconds since 1970, where the machine tells. */
      readonly startedAt?: number;
      /** Of what runs, where a probe asked and the machine counts. */
      readonly usage?: UsageSeen;
      readonly images: Readonly<Record<string, string>>;
      /** Managed and generated files that were looked for, by absolute path; a missing one has no entry. */
      readonly files: Readonly<Record<string, FileSeen>>;
      readonly own: Readonly<Record<string, OwnFileSeen>>;
      /** The runner's own words, for people: exit code, health text. */
      readonly detail?: string;
    };

export interface OwnFileSeen {
  readonly sha256: string;
  /** Sent along for compose files only. */
  readonly text?: string;
}

export interface LiveState {
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  readonly machines: Readonly<Record<string, MachineView>>;
  /** By placement key: desired placements and stamped ones. */
  readonly sightings: Readonly<Record<string, Sighting>>;
}

export type HealthState = 'healthy' | 'unhealthy' | 'starting' | 'unknown' | 'suspended';

/** One check's answer. `unknown` is not a failure: we could not look. */
export interface Verdict {
  readonly state: 'pass' | 'fail' | 'unknown';
  /** What was found, for people: `HTTP 502`, `connection refused`. */
  readonly found: string;
  /** Of `unknown`: its machine itself could not be reached. */
  readonly unreached?: true;
}
