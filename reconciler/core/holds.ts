// Parts of a plan that do not go on with the rest: who or what lets them, and what comes after them and waits too.
import type { Change, Hold, Plan, Waiting } from '../../schema/plan.js';
import type { PlacementKey, Window } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { judgeConditions, policyOf } from './conditions.js';
import { bareMove } from './moves.js';
import { optional } from './optional.js';
import { changesOf, idOf, isStop, wavesOf } from './plan.js';
import { wayBackOf } from './undone.js';
import { judgeWindows } from './windows.js';
import { isWithdrawal } from './withdrawal.js';

export interface HoldAsk {
  readonly desired: DesiredState;
  /** Ids of plans, or of waiting parts, that a person approved; `remove:<key>` for what a person removed by name. */
  readonly approved: ReadonlySet<string>;
  /** What goes away for good by the plan, and was not removed by name. */
  readonly removals: ReadonlySet<Change>;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly tries: Tries;
}

/** What failed for a cause that may pass. */
export interface Tries {
  readonly resting: ReadonlyMap<PlacementKey, Hold>;
  /** It was let go on, and is only tried again. */
  readonly again: ReadonlySet<PlacementKey>;
}

interface Taken {
  readonly rest: readonly Change[];
  readonly waiting: readonly Waiting[];
}

/** Whether a change may go on though one that it comes after is held. */
type Passes = (held: Change, change: Change) => boolean;

/** Takes out what is held, and what comes after it directly or through others. One part for each hold. */
function takeOut(
  changes: readonly Change[],
  desired: DesiredState,
  holds: ReadonlyMap<Change, Hold>,
  passes: Passes = () => false,
): Taken {
  if (holds.size === 0) return { rest: changes, waiting: [] };
  const byKey = new Map(changes.map(change => [change.key, change]));
  const held = new Map(holds);
  for (let before = -1; before !== held.size;) {
    before = held.size;
    for (const change of changes.filter(one => !held.has(one))) {
      const ahead = change.after.flatMap(key => byKey.get(key) ?? []);
      const hold = ahead.filter(one => !passes(one, change)).flatMap(one => held.get(one) ?? [])[0];
      if (hold !== undefined) held.set(change, hold);
    }
  }
  const waiting = [...new Set(held.values())].map((hold): Waiting => {
    const own = changes.filter(change => held.get(change) === hold);
    return { ...hold, id: idOf(desired, own), changes: own };
  });
  return { rest: changes.filter(change => !held.has(change)), waiting };
}

/** What is only observed holds up others where it is not there, or stands in their way; else nobody would ever change. */
const passesObserved: Passes = (held, change) =>
  !isStop(held) && !isStop(change) && held.reason !== 'missing' && held.reason !== 'stopped';

/**
 * The end of a change that was let go on, not a new one: going back from a revision that failed, stopping it where it was to
 * go, and a move that stopped its service already, whichever way it ends.
 */
function isWayBack(change: Change, desired: DesiredState): boolean {
  const { resumes, move, stamp } = change;
  if (resumes === true || move?.handed === true || stamp?.move?.state === 'handed') return true;
  return isWithdrawal(change, desired) || wayBackOf(change, desired) !== undefined;
}

function observed(changes: readonly Change[], { desired }: HoldAsk): ReadonlyMap<Change, Hold> {
  const hold: Hold = { by: 'observe', why: 'policy.apply is observe: nothing is changed' };
  return new Map(
    changes.filter(one => policyOf(one, desired).apply === 'observe').map(change => [change, hold] as const),
  );
}

/** All that a person has to approve is one part, with one id. */
function unapproved(changes: readonly Change[], ask: HoldAsk): ReadonlyMap<Change, Hold> {
  const { desired, approved, tries } = ask;
  const wasLet = (change: Change) => approved.has(`remove:${change.key}`) || tries.again.has(change.key);
  const open = changes.filter(change => !wasLet(change) && !isWayBack(change, desired));
  const byPlan = judgeConditions(open, ask);
  const whys = new Map(
    open.flatMap(change => {
      const byPolicy = policyOf(change, desired).apply === 'approve' ? 'policy.apply is approve' : byPlan.get(change);
      const asks = bareMove(change) ?? byPolicy;
      return asks === undefined ? [] : [[change, asks] as const];
    }),
  );
  const hold: Hold = { by: 'approval', why: [...new Set(whys.values())].join('; ') };
  return new Map([...whys.keys()].map(change => [change, hold]));
}

/** What waits for the same window is one part. */
function untimely(changes: readonly Change[], { desired, now }: HoldAsk): ReadonlyMap<Change, Hold> {
  const byWindows = new Map<string, Hold | undefined>();
  const holdOf = (windows: readonly Window[]): Hold | undefined => {
    const key = JSON.stringify(windows);
    if (!byWindows.has(key)) {
      const opening = judgeWindows(windows, now);
      byWindows.set(
        key,
        opening.open ? undefined : { by: 'window', why: opening.why, ...optional('until', opening.until) },
      );
    }
    return byWindows.get(key);
  };
  return new Map(
    changes.flatMap(change => {
      const { windows } = policyOf(change, desired);
      const hold = windows.length === 0 || isWayBack(change, desired) ? undefined : holdOf(windows);
      return hold === undefined ? [] : [[change, hold] as const];
    }),
  );
}

interface Approved extends Taken {
  /** Ids by which it goes on, and what goes on by them. */
  readonly used: readonly string[];
  readonly changes: readonly Change[];
}

/** Takes out what a person has to approve and has not. */
function takeUnapproved(plan: Plan, changes: readonly Change[], ask: HoldAsk): Approved {
  const taken = takeOut(changes, ask.desired, unapproved(changes, ask));
  const used = [plan.id, ...taken.waiting.map(part => part.id)].filter(id => ask.approved.has(id));
  if (used.length === 0) return { ...taken, used, changes: [] };
  return { rest: changes, waiting: [], used: [...new Set(used)], changes: taken.waiting.flatMap(part => part.changes) };
}

/** What was approved and waits for its time stays approved, though the rest uses the approval up. */
function approvalsOf(
  desired: DesiredState,
  { used, changes }: Approved,
  going: readonly Change[],
): Pick<Plan, 'approvals'> {
  if (used.length === 0) return {};
  const left = changes.filter(change => !going.includes(change));
  return { approvals: { used, ...(left.length === 0 ? {} : { left: idOf(desired, left) }) } };
}

/** A plan that waits as a whole is held; else the rest goes on without what waits. */
export function holdParts(plan: Plan, ask: HoldAsk): Plan {
  const all = changesOf(plan);
  const watched = takeOut(all, ask.desired, observed(all, ask), passesObserved);
  const approved = takeUnapproved(plan, watched.rest, ask);
  const timely = takeOut(approved.rest, ask.desired, untimely(approved.rest, ask));
  const { resting } = ask.tries;
  const tired = timely.rest.flatMap(change => {
    const hold = resting.get(change.key);
    return hold === undefined ? [] : [[change, hold] as const];
  });
  const rested = takeOut(timely.rest, ask.desired, new Map(tired));
  const waiting = [...watched.waiting, ...approved.waiting, ...timely.waiting, ...rested.waiting];
  const [part, ...others] = waiting;
  const going = { ...plan, ...approvalsOf(ask.desired, approved, rested.rest) };
  if (part === undefined) return going;
  const whole = rested.rest.length === 0 && others.length === 0 && part.by !== 'backoff';
  if (!whole) return { ...going, waves: wavesOf(rested.rest), waiting };
  const { id: _id, changes: _changes, ...hold } = part;
  return { ...plan, held: hold };
}
