// What comes after a pass: nothing, another one soon, or a person.
import type { AppError, ErrorReport } from '../../schema/errors.js';
import type { LeftAlone, Next, Outcome, Plan } from '../../schema/plan.js';
import type { Synced } from './sync.js';
import type { TakenOver } from './takeover.js';

/** What has to be looked at again whatever the plan says. */
export function nextAfter(unnotedBecause: AppError | undefined, { commit }: TakenOver): Next | undefined {
  if (unnotedBecause !== undefined) return { next: 'again', afterMs: 5000, why: unnotedBecause.message };
  if (commit === undefined) return undefined;
  const why = `what was edited on machines is in git now, by commit ${commit.slice(0, 12)}`;
  return { next: 'again', afterMs: 0, why };
}

const isLeftDrifted = (one: LeftAlone): boolean => one.state === 'drifted';

/** `unmarked`: why a revision that became ill could not be marked so. */
export function nextOf(plan: Plan, outcomes: readonly Outcome[], synced: Synced, unmarked?: ErrorReport): Next {
  if (plan.held !== undefined) return { next: 'stalled', why: plan.held.why };
  if (synced.held !== undefined) return { next: 'stalled', why: synced.held };
  if (synced.refused !== undefined) return { next: 'stalled', why: 'the newest registry was refused' };
  const errors = outcomes.flatMap(outcome => (outcome.result === 'failed' ? [outcome.error] : []));
  const passing = errors.find(error => error.retry !== 'human');
  if (passing !== undefined) return { next: 'again', afterMs: 5000, why: passing.message };
  if (errors[0] !== undefined) return { next: 'stalled', why: errors[0].message };
  if (plan.isolated !== undefined) return { next: 'again', afterMs: 5000, why: plan.isolated.why };
  // Another controller's steps ring no bell here when they end.
  const running =
    plan.machines.find(one => one.state === 'in-progress') ?? outcomes.find(one => one.result === 'in-progress');
  if (running !== undefined) return { next: 'again', afterMs: 5000, why: running.why };
  const coming = plan.leftAlone.find(one => one.state === 'in-progress');
  if (coming !== undefined) return { next: 'again', afterMs: 5000, why: coming.why };
  const resting = plan.waiting?.find(part => part.by === 'backoff');
  if (resting !== undefined) return { next: 'again', afterMs: 5000, why: resting.why };
  const waiting =
    plan.leftAlone.find(one => one.state === 'held') ?? plan.waiting?.[0] ?? plan.leftAlone.find(isLeftDrifted);
  if (waiting !== undefined) return { next: 'stalled', why: waiting.why };
  const skipped = outcomes.find(one => one.result === 'skipped');
  const why = skipped?.why ?? unmarked?.message;
  return why === undefined ? { next: 'settled' } : { next: 'again', afterMs: 5000, why };
}
