// What the doctor says of a machine, one remark a line, and all that is known of a machine to say it.
import type { ErrorReport } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, MachineSeen, Placement } from '../../schema/state.js';
import type { Driver } from '../drivers/driver.js';
import type { Asked } from './doctor-asked.js';

export type Level = 'ok' | 'warning' | 'problem';

export interface Remark {
  /** What it is about: `reach`, `clock`, `docker`. */
  readonly subject: string;
  readonly level: Level;
  readonly text: string;
  /** What to do. */
  readonly hint?: string;
  readonly code?: ErrorReport['code'];
}

/** How fast it answers, and how far its clock is from ours. */
export interface Pace {
  readonly latencyMs: number;
  /** Positive: it is ahead. Absent: it did not tell. */
  readonly skewMs?: number;
  /** The skew may be wrong by so much. */
  readonly uncertainMs: number;
}

/** A machine that answered, with all that is known of it. */
export interface Patient {
  readonly machine: Machine;
  readonly seen: MachineSeen;
  readonly desired: DesiredState;
  readonly live: LiveState;
  readonly drivers: Readonly<Record<string, Driver>>;
  readonly asked: Asked;
  readonly pace: Pace;
}

export const placedOn = ({ machine, desired }: Pick<Patient, 'machine' | 'desired'>): readonly Placement[] =>
  desired.placements.filter(one => one.spec.machine === machine.name);

export const fine = (subject: string, text: string, hint?: string): Remark => ({
  subject,
  level: 'ok',
  text,
  ...(hint === undefined ? {} : { hint }),
});

export const amiss = (subject: string, { code, message, hint }: ErrorReport): Remark => ({
  subject,
  level: 'problem',
  text: message,
  hint,
  code,
});
