// Parts of a plan that do not go on with the rest: who may let them, and what comes after them and waits too.
import type { Change, Hold, Plan, Waiting } from '../../schema/plan.js';
import type { DesiredState } from '../../schema/state.js';
import { judgeConditions, policyOf } from './conditions.js';
import { changesOf, idOf, isStop, wavesOf } from './plan.js';

export interface HoldAsk {
  readonly desired: DesiredState;
  /** Ids of plans, or of waiting parts, that a person approved; `remove:<key>` for what a person removed by name. */
  readonly approved: ReadonlySet<string>;
  /** What goes away for good by the plan, and was not removed by name. */
  readonly removals: ReadonlySet<Change>;
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
  commit: string,
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
    return { ...hold, id: idOf(commit, own), changes: own };
  });
  return { rest: changes.filter(change => !held.has(change)), waiting };
}

/** What is only observed holds up others where it is not there, or stands in their way; else nobody would ever change. */
const passesObserved: Passes = (held, change) =>
  !isStop(held) && !isStop(change) && held.reason !== 'missing' && held.reason !== 'stopped';

function observed(changes: readonly Change[], { desired }: HoldAsk): ReadonlyMap<Change, Hold> {
  const hold: Hold = { by: 'observe', why: 'policy.apply is observe: nothing is changed' };
  return new Map(
    changes.filter(one => policyOf(one, desired).apply === 'observe').map(change => [change, hold] as const),
  );
}

/** All that a person has to approve is one part, with one id. */
function unapproved(changes: readonly Change[], ask: HoldAsk): ReadonlyMap<Change, Hold> {
  const { desired, approved } = ask;
  const open = changes.filter(change => !approved.has(`remove:${change.key}`));
  const byPlan = judgeConditions(open, ask);
  const whys = new Map(
    open.flatMap(change => {
      const asks = policyOf(change, desired).apply === 'approve' ? 'policy.apply is approve' : byPlan.get(change);
      return asks === undefined ? [] : [[change, asks] as const];
    }),
  );
  const hold: Hold = { by: 'approval', why: [...new Set(whys.values())].join('; ') };
  return new Map([...whys.keys()].map(change => [change, hold]));
}

/** A plan that waits as a whole is held; else the rest goes on without what waits. */
export function holdParts(plan: Plan, ask: HoldAsk): Plan {
  const { approved } = ask;
  const first = takeOut(changesOf(plan), plan.commit, observed(changesOf(plan), ask), passesObserved);
  const second = takeOut(first.rest, plan.commit, unapproved(first.rest, ask));
  const goesBy = [plan.id, ...second.waiting.map(part => part.id)].filter(id => approved.has(id));
  const free = goesBy.length > 0 ? { rest: first.rest, waiting: [] } : second;
  const waiting = [...first.waiting, ...free.waiting];
  const by = goesBy.length === 0 ? {} : { approvals: [...new Set(goesBy)] };
  const [part, ...others] = waiting;
  if (part === undefined) return { ...plan, ...by };
  if (free.rest.length === 0 && others.length === 0) {
    const { why, by: how } = part;
    return { ...plan, held: { why, ...(how === undefined ? {} : { by: how }) } };
  }
  return { ...plan, ...by, waves: wavesOf(free.rest), waiting };
}
