// What a process keeps between passes to save work: all of it can be read again, so losing it changes nothing.
import type { Culprit } from '../../schema/plan.js';
import type { ParseResult, PlacementKey } from '../../schema/registry-types.js';
import type { MachineFacts, Stamp } from '../../schema/state.js';
import type { Ports } from '../ports.js';
import type { Beside } from './beside.js';
import type { ControllerLive } from './measures.js';
import type { Hints } from './hints.js';
import type { Retry } from './retries.js';
import type { Unclear } from './unclear.js';

export interface Session {
  /** SHA-256 of blobs by git object id; more than `mostHashes` of them only where one commit has more. */
  readonly hashes: Map<string, string>;
  /** The newest parsed registry and the revision it was read at. */
  parsed?: { readonly revision: string; readonly path: string; readonly result: ParseResult };
  /** Stamps of the last look, so that the next one can look at orphans in the same exec. */
  readonly stamps: Map<string, readonly Stamp[]>;
  /** Facts of the last look: what a placement is called may depend on them. */
  readonly facts: Map<string, MachineFacts>;
  /** Machines on which something is being changed, with what will end it. */
  readonly busy: Map<string, Promise<unknown>>;
  /** A controller's process: whoever asks it sees what it goes by, commits, and not what lies in a folder there. */
  byCommit?: true;
  /** Changes that failed for a cause that may pass. */
  readonly retries: Map<PlacementKey, Retry>;
  /** What machines told of drift that still stands. */
  readonly culprits: Map<string, readonly Culprit[]>;
  /** What the controller of this process knows now; absent where none runs. */
  live?: () => ControllerLive;
  /** What a pass that somebody asked of this process lets its controller know; absent where none runs. */
  beside?: Beside;
  /** When a run of this process last began to change a placement, within `begunKeptMs`; in milliseconds since 1970. */
  readonly begun: Map<PlacementKey, number>;
  /** Runs of killed processes that the journal still has, with what history was told of them: `over` when nothing more will come. */
  readonly toldRuns: Map<string, string>;
  /** Revisions that may be marked as failed, or may not: the answer was lost, and nobody could look since. */
  readonly unclear: Map<PlacementKey, Unclear>;
  /** Only while this process is the controller: who takes what comes by webhooks. */
  hints?: Hints | undefined;
}

/** About 200 bytes each. */
export const mostHashes = 10_000;

/** A controller knows every commit in turn: what the newest one that was asked for does not hold is forgotten first, and all of it at once. */
export function trimHashes({ hashes }: Pick<Session, 'hashes'>, used: ReadonlySet<string>): void {
  if (hashes.size <= mostHashes) return;
  for (const oid of hashes.keys()) if (!used.has(oid)) hashes.delete(oid);
}

/** Who was killed while it changed the same is told of long before (`settle-run`). */
const begunKeptMs = 86_400_000;

/** A run begins to change these; who did longer ago is forgotten. */
export function noteBegun({ begun }: Pick<Session, 'begun'>, keys: readonly PlacementKey[], now: number): void {
  for (const [key, at] of begun) if (at < now - begunKeptMs) begun.delete(key);
  for (const key of keys) begun.set(key, now);
}

/** What is remembered of machines ends with them. */
export function forgetMachines({ stamps, facts }: Pick<Session, 'stamps' | 'facts'>, known: ReadonlySet<string>): void {
  for (const map of [stamps, facts]) for (const name of map.keys()) if (!known.has(name)) map.delete(name);
}

const sessions = new WeakMap<Ports, Session>();

export function sessionOf(ports: Ports): Session {
  const known = sessions.get(ports);
  if (known !== undefined) return known;
  const session: Session = {
    hashes: new Map(),
    stamps: new Map(),
    facts: new Map(),
    busy: new Map(),
    retries: new Map(),
    culprits: new Map(),
    begun: new Map(),
    toldRuns: new Map(),
    unclear: new Map(),
  };
  sessions.set(ports, session);
  return session;
}
