// Tells how the changes of a plan go: to who watches this process, to who follows the run, and to the health checks that are put aside.
import type { Outcome } from '../../schema/plan.js';
import type { Room } from './apply-room.js';
import type { BatchRun } from './batch-run.js';
import { tellChange, tellOutcome } from './follow.js';
import { timeOfDay } from './waits.js';

/** That a change begins. */
export function teller(room: Room): BatchRun['told'] {
  return (key, text) => {
    const machine = key.slice(key.indexOf('@') + 1);
    room.watch?.pause(key);
    room.emit({ kind: 'change', machine, key, text, event: 'deploy.begun' });
    tellChange(room, key, text);
    const deadlineMs = room.desired.placements.find(one => one.key === key)?.spec.health.deadlineMs;
    if (deadlineMs === undefined) return;
    const until = timeOfDay(room.ports.clock.now() + deadlineMs);
    room.emit({ kind: 'waiting', machine, key, text: `that it is healthy, until about ${until}` });
  };
}

/** What goes on within a change that has begun. */
export const noter =
  (room: Room): BatchRun['told'] =>
  (key, text) => {
    room.emit({ kind: 'change', machine: key.slice(key.indexOf('@') + 1), key, text });
    tellChange(room, key, text);
  };

/** How it ended. */
export function tell(room: Room, outcome: Outcome): void {
  room.watch?.resume(outcome.key);
  const machine = outcome.key.slice(outcome.key.indexOf('@') + 1);
  const text = {
    applied: () => 'healthy',
    failed: () => (outcome.result === 'failed' ? `failed: ${outcome.error.message}` : ''),
    skipped: () => (outcome.result === 'skipped' ? `skipped: ${outcome.why}` : ''),
    'in-progress': () => 'goes on',
  }[outcome.result]();
  const stopped = outcome.result === 'applied' && ['stop', 'remove', 'release'].includes(outcome.kind);
  const event = events[outcome.result];
  room.emit({ kind: 'change', machine, key: outcome.key, text: stopped ? 'done' : text, ...(event && { event }) });
  tellOutcome(room, outcome);
}

/** What is skipped may be skipped at every pass: it is told, and no event. */
const events = {
  applied: 'deploy.done',
  failed: 'deploy.failed',
  skipped: undefined,
  'in-progress': undefined,
} as const;
