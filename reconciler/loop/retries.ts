// Changes that failed for a cause that may pass: when each is tried again. Kept for a process only: a fresh one just tries.
import { everyChange } from '../../schema/holds.js';
import type { Hold, Outcome, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { waitAfter } from '../core/backoff.js';
import { lookupOf } from '../core/lookup.js';
import { faultsOfRevision } from '../core/stamps.js';
import type { Ports } from '../ports.js';
import { sessionOf } from './session.js';
import { machineOf } from '../core/placement-key.js';

export interface Retry {
  /** Fingerprint that was wanted, '' for what was to be stopped: another one begins anew. */
  readonly of: string;
  readonly failures: number;
  /** Milliseconds since 1970: not before. */
  readonly at: number;
  readonly why: string;
  /** Policy grants one more try soon. */
  readonly granted: boolean;
}

const wantedOf = (desired: DesiredState, key: PlacementKey): string =>
  lookupOf(desired).byKey.get(key)?.fingerprint ?? '';

/** Takes in how changes ended, by what is wanted now. */
export function noteTries(ports: Ports, desired: DesiredState, outcomes: readonly Outcome[]): void {
  const { retries } = sessionOf(ports);
  for (const [key, { of }] of retries) if (of !== wantedOf(desired, key)) retries.delete(key);
  for (const outcome of outcomes) noteTry(ports, desired, outcome);
}

/**
 * One change alone: where it outlasted its pass, `desired` is of that pass, and says nothing of what others are tried for
 * since. Only a cause that may pass by itself, by its code, is worth another try of what is wanted still.
 */
export function noteTry(ports: Ports, desired: DesiredState, outcome: Outcome): void {
  const { retries } = sessionOf(ports);
  const { key } = outcome;
  if (outcome.result === 'skipped' || outcome.result === 'in-progress') return;
  const known = retries.get(key);
  retries.delete(key);
  if (outcome.result !== 'failed' || outcome.error.retry !== 'backoff') return;
  // Its stamp holds it, and it is gone back from: what would be tried next is the way back, which is no success of it.
  if (faultsOfRevision.has(outcome.error.code)) return;
  const policy = lookupOf(desired).byKey.get(key)?.spec.policy ?? desired.policy;
  const of = wantedOf(desired, key);
  const failures = known?.of === of ? known.failures + 1 : 1;
  const at = ports.clock.now() + waitAfter(policy, failures);
  retries.set(key, { of, failures, at, why: outcome.error.message, granted: failures <= policy.retries });
}

/** What a plan of everything has no change for any more is no other try when it comes up again. `able`: it was seen, and is not being changed. */
export function forgetTries(ports: Ports, plan: Plan, able: (machine: string) => boolean): void {
  const { retries } = sessionOf(ports);
  const changing = new Set(everyChange(plan).map(change => change.key));
  for (const key of retries.keys()) if (!changing.has(key) && able(machineOf(key))) retries.delete(key);
}

export interface Tries {
  /** What rests until its next try. */
  readonly resting: ReadonlyMap<PlacementKey, Hold>;
  /** What was let go on, and is only tried again. */
  readonly again: ReadonlySet<PlacementKey>;
}

const counted = (failures: number): string => (failures === 1 ? 'it failed' : `it failed ${failures} times`);

/** Of what is wanted still. */
export function triesOf(ports: Ports, desired: DesiredState): Tries {
  const open = [...sessionOf(ports).retries].filter(([key, { of }]) => of === wantedOf(desired, key));
  const now = ports.clock.now();
  const resting = open
    .filter(([, { at }]) => at > now)
    .map(
      ([key, { failures, why, at }]) =>
        [key, { by: 'backoff', why: `${counted(failures)}: ${why}`, until: at }] as const,
    );
  return { resting: new Map(resting), again: new Set(open.filter(([, one]) => one.granted).map(([key]) => key)) };
}

/**
 * How long until the next try of anything; Infinity: nothing waits for one. What the pass before could not try, though its
 * time had come (its machine stays away, what it depends on failed), waits for no time: the pass's own pace is enough.
 */
export function nextTryInMs(ports: Ports): number {
  const now = ports.clock.now();
  const waits = [...sessionOf(ports).retries.values()].map(({ at }) => at - now);
  return Math.min(Number.POSITIVE_INFINITY, ...waits.filter(ms => ms > 0));
}
