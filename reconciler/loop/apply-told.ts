// Tells how the changes of a plan go: to who watches this process, to who follows the run, and to the health checks that are put aside.
import type { Outcome } from '../../schema/plan.js';
import type { Progress } from '../operations/operation.js';
import type { Room } from './apply-room.js';
import type { BatchRun } from './batch-run.js';
import { tellChange, tellOutcome } from './follow.js';

/** That a change begins. */
export function teller(room: Room): BatchRun['told'] {
  return (key, text) => {
    const machine = key.slice(key.indexOf('@') + 1);
    room.watch?.pause(key);
    room.times?.began(key);
    room.emit({ kind: 'change', machine, key, text, event: 'deploy.begun' });
    tellChange(room, key, text);
  };
}

/** What goes on within a change that has begun. */
export const noter =
  (room: Room): BatchRun['told'] =>
  (key, text) => {
    room.emit({ kind: 'change', machine: key.slice(key.indexOf('@') + 1), key, text });
    tellChange(room, key, text);
  };

/** How it ended; `back`: it went back to that commit. */
export function tell(room: Room, outcome: Outcome, back?: string): void {
  room.watch?.resume(outcome.key);
  room.times?.ended(outcome.key);
  const machine = outcome.key.slice(outcome.key.indexOf('@') + 1);
  room.emit({ kind: 'change', machine, key: outcome.key, ...wordsOf(outcome, back) });
  tellOutcome(room, outcome);
}

/** What is skipped may be skipped at every pass: it is told, and no event. */
function wordsOf(outcome: Outcome, back: string | undefined): Pick<Progress, 'text' | 'event' | 'data'> {
  const before = back === undefined ? '' : `what was healthy at commit ${back.slice(0, 12)}`;
  const data = back === undefined ? {} : { data: { back } };
  switch (outcome.result) {
    case 'applied': {
      if (back !== undefined) return { text: `rolled back: ${before} runs again`, event: 'deploy.undone', ...data };
      const stopped = ['stop', 'remove', 'release'].includes(outcome.kind);
      return { text: stopped ? 'done' : 'healthy', event: 'deploy.done' };
    }
    case 'failed': {
      const what = back === undefined ? '' : `${before} could not be brought back: `;
      return { text: `failed: ${what}${outcome.error.message}`, event: 'deploy.failed', ...data };
    }
    case 'skipped':
      return { text: `skipped: ${outcome.why}` };
    case 'in-progress':
      return { text: 'goes on' };
    default:
      return outcome satisfies never;
  }
}
