// The registry after checking: defaults merged, templates filled, ports chosen, one spec per placement. What `parse` returns.
import type { Diagnostic, Position } from './diagnostics.js';
import type { Destination } from './notify.js';

export type ServiceType = 'docker' | 'local' | 'native';
export type Platform = 'linux' | 'darwin' | 'bsd';
export type Arch = 'amd64' | 'arm64' | 'arm';
/** `service@machine`. */
export type PlacementKey = `${string}@${string}`;

/** A machine as the registry names it. */
export interface Machine {
  readonly name: string;
  /** IP or name; `local` is the controller's own machine, without SSH. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly platform: Platform;
  /** Private key on the controller, as written (`~` not expanded); absent: the defaults, then the agent. */
  readonly sshKey?: string;
  /** Pinned public keys (`ssh-ed25519 AAAA…`); when not empty, known_hosts is not asked. */
  readonly hostKeys: readonly string[];
  /** Names of machines to go through, first hop first. */
  readonly jump: readonly string[];
  readonly sudo: 'auto' | 'never' | 'always';
  readonly arch?: Arch;
  readonly description?: string;
  readonly tags: readonly string[];
  /** A reason, or `true` written without one. */
  readonly suspend?: string | true;
  readonly at: Position;
}

/** One look at a service; `port` is where it looks, from the machine itself. */
export type HealthCheck =
  | {
      readonly type: 'http';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
      readonly endpoint: string;
      readonly hostHeader?: string;
      /** Inclusive ranges of status codes. */
      readonly expectedStatus: readonly (readonly [number, number])[];
      /** Text that the body must contain. */
      readonly expectedBody?: string;
      readonly tlsVerify: boolean;
    }
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  | { readonly type: 'process'; readonly pidFile?: string }
  | { readonly type: 'command'; readonly command: readonly string[] }
  | { readonly type: 'docker' };

export interface Health {
  /** All must pass. */
  readonly checks: readonly HealthCheck[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until unhealthy. */
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly deadlineMs: number;
  readonly soakMs: number;
}

/** What makes a plan wait for a person; `above`: more machines, or services, than that. */
export type Condition =
  { readonly when: 'removes' | 'stateful' } | { readonly when: 'machines' | 'services'; readonly above: number };

/** A time again and again, in which applying is allowed or is not. */
export interface Window {
  readonly kind: 'allow' | 'deny';
  /** When it begins. */
  readonly cron: string;
  readonly lastsMs: number;
  /** Name of the time zone database. */
  readonly zone: string;
}

/** What is done about what somebody changed on a machine. */
export interface DriftAnswer {
  readonly action: 'revert' | 'report' | 'adopt';
  /** Fields, as a plan names them, that do not count; `*` stands for anything. */
  readonly ignore: readonly string[];
  /** Milliseconds since 1970: from then on all of it is reverted. */
  readonly untilAt?: number;
}

export interface Policy {
  readonly apply: 'auto' | 'approve' | 'observe';
  readonly approveWhen: readonly Condition[];
  readonly windows: readonly Window[];
  readonly drift: DriftAnswer;
  /** Tries soon after a failure whose cause may pass, the first after `firstMs`, then ever later up to `mostMs`. */
  readonly retries: number;
  readonly backoff: { readonly firstMs: number; readonly mostMs: number };
  readonly prune: 'stop' | 'remove' | 'keep';
  /** What `stop` stopped is removed after that; its data is kept even then. */
  readonly pruneAfterMs: number;
  /** Fraction of the placements, 0…1. */
  readonly maxRemovals: number;
  readonly intervalMs: number;
  /** Cron expression. */
  readonly schedule?: string;
  readonly parallel?: number;
  readonly forcePush: 'hold' | 'follow';
  readonly write: 'push' | 'pull-request' | 'never';
  readonly onFailure: 'rollback' | 'stop' | 'leave';
}

export interface DockerOptions {
  readonly composeFile?: string;
  /** Absent: the service's name. */
  readonly project?: string;
  readonly composeService?: string;
  readonly images: Readonly<Record<string, string>>;
  readonly pull: 'missing' | 'always' | 'never';
  readonly build: boolean;
  readonly portMapping: readonly { readonly host: number; readonly container: number }[];
}

/** A service on one machine, everything about it settled that the registry alone can settle. */
export interface ServiceSpec {
  readonly key: PlacementKey;
  readonly service: string;
  readonly machine: string;
  readonly type: ServiceType;
  readonly path: string;
  /** Folder in the repository, without a trailing slash. */
  readonly source?: string;
  readonly docker?: DockerOptions;
  readonly command?: readonly string[];
  readonly stopTimeoutMs: number;
  readonly logFile: string;
  /** Name of the unit (native) without suffix as written; default: the service's name. */
  readonly unitName: string;
  /** Run as; absent: the SSH user. */
  readonly user?: string;
  readonly scope: 'system' | 'user' | 'none';
  readonly port?: number;
  /** All host ports that it claims, `port` and mappings included, ascending. */
  readonly ports: readonly number[];
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  readonly resources: { readonly memoryBytes?: number; readonly cpus?: number; readonly diskBytes?: number };
  /** Names of services. */
  readonly dependsOn: readonly string[];
  readonly health: Health;
  readonly hostname?: string;
  readonly stateful: boolean;
  /** A move takes its data along: `path`, and the named volumes of its project. */
  readonly copies: boolean;
  readonly critical: boolean;
  readonly groups: readonly string[];
  readonly tags: readonly string[];
  readonly description?: string;
  readonly suspend?: string | true;
  readonly policy: Policy;
  /** Keys whose engine is not there yet, such as `tls`; never applied without it. */
  readonly unsupported: readonly string[];
  readonly at: Position;
}

export interface Registry {
  readonly cluster: string;
  readonly domain: string;
  readonly machines: readonly Machine[];
  /** Sorted by service, then machine. */
  readonly placements: readonly ServiceSpec[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly policy: Policy;
  /** Who is told what. */
  readonly notify?: readonly Destination[];
}

/** Warnings may stand beside a registry; with an error there is none. */
export interface ParseResult {
  readonly registry?: Registry;
  readonly diagnostics: readonly Diagnostic[];
}
