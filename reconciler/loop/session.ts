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
  /** SHA-256 of blobs by git object id. */
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
  /** When a run of this process last began to change a placement, in milliseconds since 1970. */
  readonly begun: Map<PlacementKey, number>;
  /** Runs of killed processes, with what history was told of them: `over` when nothing more will come. */
  readonly toldRuns: Map<string, string>;
  /** Revisions that may be marked as failed, or may not: the answer was lost, and nobody could look since. */
  readonly unclear: Map<PlacementKey, Unclear>;
  /** Only while this process is the controller: who takes what comes by webhooks. */
  hints?: Hints | undefined;
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
