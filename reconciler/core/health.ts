// Health of one placement as a state machine over its verdicts: pure, time comes in; what changed goes out as data.
import type { Health } from '../../schema/registry-types.js';
import type { HealthState, Verdict } from '../../schema/state.js';

export interface HealthRecord {
  readonly state: HealthState;
  /** Milliseconds since 1970 since when it is in this state. */
  readonly since: number;
  readonly failuresInARow: number;
  /** The last answer, for people. */
  readonly found: string;
}

/** For events and uptime: `from` lasted until `at`. */
export interface HealthTransition {
  readonly from: HealthState;
  readonly to: HealthState;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How long `from` lasted. */
  readonly lastedMs: number;
  readonly found: string;
  /** Of `unknown`: nobody could reach the machine, which has a word of its own for that. */
  readonly unreached?: true;
}

export interface HealthStep {
  readonly record: HealthRecord;
  /** Absent when the state stayed. */
  readonly transition?: HealthTransition;
}

/** Nobody has looked yet. */
export function newHealth(now: number): HealthRecord {
  return { state: 'unknown', since: now, failuresInARow: 0, found: 'not looked at yet' };
}

function enter(
  previous: HealthRecord,
  state: HealthState,
  now: number,
  failuresInARow: number,
  found: string,
): HealthStep {
  if (state === previous.state) return { record: { ...previous, failuresInARow, found } };
  return {
    record: { state, since: now, failuresInARow, found },
    transition: { from: previous.state, to: state, at: now, lastedMs: Math.max(0, now - previous.since), found },
  };
}

function withCause({ record, transition }: HealthStep, unreached: true | undefined): HealthStep {
  if (transition === undefined) return { record };
  return { record, transition: { ...transition, ...(unreached && { unreached }) } };
}

/** A planned start or restart: failures before it are forgotten, and its start period begins anew. */
export function restartHealth(previous: HealthRecord, now: number, found = 'starting'): HealthStep {
  const { record, transition } = enter(previous, 'starting', now, 0, found);
  return { record: { ...record, since: now }, ...(transition === undefined ? {} : { transition }) };
}

/** Hands off: nothing is asked until it is resumed. */
export function suspendHealth(previous: HealthRecord, now: number, why: string): HealthStep {
  return enter(previous, 'suspended', now, 0, why);
}

/** No longer suspended: nobody has looked since. */
export function unsuspendHealth(previous: HealthRecord, now: number): HealthStep {
  return previous.state === 'suspended'
    ? enter(previous, 'unknown', now, 0, newHealth(now).found)
    : { record: previous };
}

/** Nobody looks at it any more: it left the registry, or is held. */
export function leaveHealth(previous: HealthRecord, now: number): HealthStep {
  return enter(previous, 'unknown', now, 0, 'not watched any more');
}

/** Many checks, one verdict: one failure fails; else one that could not look leaves it unknown; none passes. */
export function combine(verdicts: readonly Verdict[]): Verdict {
  const states = ['fail', 'unknown', 'pass'] as const;
  const state = states.find(one => verdicts.some(verdict => verdict.state === one)) ?? 'pass';
  const those = verdicts.filter(verdict => verdict.state === state);
  const found = [...new Set(those.map(verdict => verdict.found))].join('; ');
  const unreached = state === 'unknown' && those.every(verdict => verdict.unreached);
  return { state, found, ...(unreached && { unreached }) };
}

/**
 * The next state after a round of all its checks.
 * One success is healthy. `retries` failures in a row are unhealthy; fewer leave the state as it was, so that neither
 * `starting` nor `unknown` is called healthy before a success was seen. Failures within the start period do not count.
 * Unknown is no answer: it neither counts as a failure nor forgets those before it.
 */
export function judgeHealth(
  previous: HealthRecord,
  verdicts: readonly Verdict[],
  now: number,
  health: Health,
): HealthStep {
  const { state, found, unreached } = combine(verdicts);
  switch (state) {
    case 'pass':
      return enter(previous, 'healthy', now, 0, found);
    case 'unknown':
      return withCause(enter(previous, 'unknown', now, previous.failuresInARow, found), unreached);
    case 'fail': {
      const excused = previous.state === 'starting' && now - previous.since < health.startPeriodMs;
      const failures = previous.failuresInARow + (excused ? 0 : 1);
      const decided = failures >= Math.max(1, health.retries);
      return enter(previous, decided ? 'unhealthy' : previous.state, now, failures, found);
    }
    default:
      return state satisfies never;
  }
}
