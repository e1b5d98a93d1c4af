// What is held of a plan, as people are told: all of it, or parts, each with what lets it go on.
import type { Change, Hold, Plan } from './plan.js';

/** Something held, under the id by which it is approved. */
export interface Held extends Hold {
  readonly id: string;
}

/** The whole plan, or those of its parts that wait; empty: all of it goes on. */
export function heldOf(plan: Plan): readonly Held[] {
  return plan.held === undefined ? (plan.waiting ?? []) : [{ id: plan.id, ...plan.held }];
}

/** What goes on, and what waits. */
export const everyChange = (plan: Plan): readonly Change[] => [
  ...plan.waves.flat(),
  ...(plan.waiting ?? []).flatMap(part => part.changes),
];

export const needsPerson = (hold: Hold): boolean => hold.by === undefined || hold.by === 'approval';

/** What lets it go on, in one sentence. */
export function letGo(held: Held): string {
  switch (held.by) {
    case undefined:
    case 'approval':
      return `Look at it, then run \`portoser approve ${held.id}\`.`;
    case 'observe':
      return 'No approval changes that: write `apply: auto` or `apply: approve` into the policy.';
    case 'window':
      return held.until === undefined
        ? 'Correct `policy.windows`: there is no time left.'
        : 'It goes on by itself when its window opens.';
    case 'backoff':
      return 'It is tried again by itself.';
    default:
      return held.by satisfies never;
  }
}

/** How long until something of a plan goes on by itself; Infinity: nothing of it waits for a time. */
export function dueInMs(plan: Plan | undefined, now: number): number {
  const waiting = plan === undefined ? [] : [...heldOf(plan), ...plan.leftAlone, ...plan.machines];
  const instants = waiting.flatMap(one => one.until ?? []);
  return Math.min(Number.POSITIVE_INFINITY, ...instants.map(at => Math.max(0, at - now)));
}
