// The interface of a health check kind: what to ask of a placement, and how to judge the answer; nothing here asks anything.
import { type ErrorReport, noWayCodes } from '../../schema/errors.js';
import type { HealthCheck, ServiceSpec } from '../../schema/registry-types.js';
import type { RunState, Verdict } from '../../schema/state.js';
import type { Command } from '../commands/command.js';

/**
 * A verdict, with the life that was seen: a word that changes when what runs was restarted (start time and pid). Where
 * a pass has one, a gate wants the same life for a while (SPEC 7: 5 s); where it has none, one pass is enough. A failure
 * has one where the process is up, and is only not ready yet.
 */
export interface Answer extends Verdict {
  readonly life?: string;
  /** For how long that life has been up already, where the machine tells; never more than it has. */
  readonly upForMs?: number;
}

/** How a placement's runner stands: what a driver's look and a sighting have in common. */
export type RunnerView =
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly error: ErrorReport }
  | {
      readonly state: 'present';
      readonly run: RunState;
      readonly settings: Readonly<Record<string, string>>;
      readonly pids: readonly number[];
      /** Seconds since 1970. */
      readonly startedAt?: number;
      readonly detail?: string;
    };

export interface HttpQuestion {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly hostHeader?: string;
  readonly tlsVerify: boolean;
}

export interface HttpReply {
  readonly status: number;
  /** At most the first 64 KiB. */
  readonly body: string;
}

/** Asked through the tunnel, from the machine's own loopback. */
export type TunnelAsk =
  | { readonly via: 'http'; readonly question: HttpQuestion; judge(reply: HttpReply): Verdict }
  /** Passes when something accepts. */
  | { readonly via: 'tcp'; readonly host: string; readonly port: number };

/** Judged by how the runner stands, whoever looked: the driver's words in the machine's one exec, or the pass's probe. */
export interface RunnerAsk {
  readonly via: 'runner';
  /** `clock`: seconds since 1970 by the machine's clock at that look. */
  judge(view: RunnerView, clock?: number): Answer;
}

/** Words of its own in the machine's one exec. They print `p_say check INDEX WORDS…` once, and run side by side with others. */
export interface MachineAsk {
  readonly via: 'machine';
  look(index: number): Command;
  /** `words`: what stood behind the index. */
  read(words: string): Answer;
}

export type Ask = TunnelAsk | RunnerAsk | MachineAsk;

export interface Check<C extends HealthCheck = HealthCheck> {
  readonly type: C['type'];
  /** Shell functions that its looks call; sent once per exec, after `prelude()`. */
  readonly functions?: Command;
  ask(check: C, spec: ServiceSpec): Ask;
}

/** Nobody could look; `unreached` where it was the way to the machine that failed. */
export function unknownBy({ code, message }: Pick<ErrorReport, 'code' | 'message'>): Verdict {
  return { state: 'unknown', found: message, ...(noWayCodes.has(code) && { unreached: true }) };
}

/** What a check by the runner says when it does not run; undefined: it does. */
export function notRunning(view: RunnerView, clock?: number): Answer | undefined {
  if (view.state === 'absent') return { state: 'fail', found: 'nothing of it is there' };
  if (view.state === 'unknown') return unknownBy(view.error);
  if (view.run === 'running') return undefined;
  const found = view.detail === undefined || view.detail === '' ? view.run : `${view.run}: ${view.detail}`;
  return { state: 'fail', found, ...(view.run === 'starting' ? lifeOf(view, clock) : {}) };
}

/** Start time, main process and restarts: all that the runner tells of one life. Both times are whole seconds. */
export function lifeOf(view: RunnerView & { state: 'present' }, clock?: number): Pick<Answer, 'life' | 'upForMs'> {
  const life = [view.startedAt ?? '', view.pids[0] ?? '', view.settings['restarts'] ?? ''].join('/');
  if (clock === undefined || view.startedAt === undefined) return { life };
  return { life, upForMs: Math.max(0, clock - view.startedAt - 1) * 1000 };
}
