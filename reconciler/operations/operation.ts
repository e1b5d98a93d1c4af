// What an operation is: one thing that people and programs can ask of the engine. Command line, API and MCP are faces of the list.
import type { TSchema, Static } from 'typebox';
import type { Check } from '../checks/check.js';
import type { Driver } from '../drivers/driver.js';
import type { EventKind, HistoryActor, HistoryEvent } from '../../schema/history.js';
import type { ErrorReport } from '../../schema/errors.js';
import type { Settings } from '../../schema/settings.js';
import type { Ports } from '../ports.js';

export interface Lists {
  readonly drivers: Readonly<Record<string, Driver>>;
  readonly checks: Readonly<Record<string, Check>>;
}

/** Who asks, for history and audit. */
export interface Actor extends HistoryActor {
  /** The address that it came from; absent: this machine. */
  readonly from?: string;
  /** Id of the token that was shown. */
  readonly token?: string;
}

/** What every operation gets. `emit` tells progress while it runs; people see it line by line. */
export interface Context {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly settings: Settings;
  readonly actor: Actor;
  readonly emit: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export interface Progress {
  readonly kind: 'waiting' | 'step' | 'change' | 'output' | 'health' | 'note';
  readonly machine?: string;
  readonly key?: string;
  readonly text: string;
  /** What history keeps it as; absent: it is told to those who listen, and not kept. */
  readonly event?: EventKind;
  readonly data?: HistoryEvent['data'];
}

export interface Operation<I extends TSchema = TSchema, O = unknown> {
  /** Dotted: `machine.add`. */
  readonly name: string;
  readonly summary: string;
  readonly effect: 'reads' | 'changes';
  readonly role: 'viewer' | 'operator' | 'admin';
  readonly input: I;
  /** Asks nothing of the world but the settings: it works where there is no repository, and its ports must not be touched. */
  readonly bare?: true;
  /** It tells the audit log itself: only it knows which of all that comes changes something. */
  readonly audits?: 'itself';
  /** False: what was asked for was only shown. Absent: what says that it changes something has done so when it ends well. */
  changed?(this: void, output: O): boolean;
  /** For what answers though it failed: the error, where nothing came of it. Absent: what fails is thrown. */
  failed?(this: void, output: O): ErrorReport | undefined;
  run(context: Context, input: Static<I>): Promise<O>;
}
