// A revision may have been marked as failed, and the answer was lost: history is told when a look shows it, as of the run that did it.
import type { DeploymentEnd } from '../../schema/history.js';
import type { IntendedChange } from '../../schema/intended.js';
import type { Next } from '../../schema/plan.js';
import type { LiveState } from '../../schema/state.js';
import { becameOf } from '../core/became.js';
import type { Progress } from '../operations/operation.js';
import type { Ports } from '../ports.js';
import { sessionOf } from './session.js';
import { machineOf } from '../core/placement-key.js';

/** The intent of its run is open as long as it is one, so that a killed process loses nothing. Call one of the two, once. */
export interface Unclear {
  readonly change: IntendedChange;
  tell(end: DeploymentEnd): void;
  /** Nothing was done. */
  drop(): void;
}

export const nextOfUnclear: Next = { next: 'again', afterMs: 0, why: 'nobody could say whether it was marked' };

/** Left out of plans until then: what is done there anew would be taken for the end of this. */
export const unclearMachines = (ports: Ports): readonly string[] => [...sessionOf(ports).unclear.keys()].map(machineOf);

/** By a fresh look. What was not marked after all is judged anew, by the fault that is not settled. */
export function settleUnclear(ports: Ports, emit: (progress: Progress) => void, live: LiveState): void {
  const { unclear } = sessionOf(ports);
  for (const [key, one] of unclear) {
    const { end, open } = becameOf(one.change, live);
    if (open) continue;
    unclear.delete(key);
    if (end.result === 'skipped') {
      one.drop();
      continue;
    }
    one.tell(end);
    const text = `failed: ${end.error?.message ?? ''}`;
    emit({ kind: 'change', machine: machineOf(key), key, text, event: 'deploy.failed' });
  }
}
