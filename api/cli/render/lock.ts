// Who holds the lock of a machine, for how long, and what becomes of it, in a sentence's part.
import type { OutputOf } from '../../../reconciler/engine.js';
import { age } from './status.js';

export type LockShown = OutputOf<'lock.show'>[number];

const pidOf = (process: string): string => process.split(':')[0] ?? process;

/** `held by …`, `free`, or why it cannot be told. */
export function holderText({ state, lock, stale, steps, error }: LockShown): string {
  const working = steps.length === 0 ? '' : '; its steps run there now';
  if (lock === undefined)
    return `${state === 'unknown' ? `unknown: ${error?.message ?? 'not looked at'}` : 'free'}${working}`;
  const since = `renewed ${age(Math.abs(lock.ageSeconds))} ago`;
  const process = pidOf(lock.process);
  const texts = {
    ours: `held by the controller that runs here (process ${process}), ${since}`,
    left: `left by process ${process} of this controller, which is gone`,
    theirs: `held by another controller (${lock.controller}, process ${process} there), ${since}`,
    free: 'free',
    unknown: 'unknown',
  };
  return `${texts[state]}${stale ? '; the next change takes it over' : ''}${working}`;
}
