// `policy.approve_when`: which changes of a plan wait for a person, because of what the plan would do as a whole.
import type { Change } from '../../schema/plan.js';
import type { Condition, Policy } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { lookupOf } from './lookup.js';

/** The policy in force for a change: its service's, or the registry's where the service is not there any more. */
export function policyOf(change: Change, desired: DesiredState): Policy {
  const lookup = lookupOf(desired);
  return (lookup.byKey.get(change.key) ?? lookup.byService.get(change.service)?.[0])?.spec.policy ?? desired.policy;
}

const nameOf = (one: Condition): string => ('above' in one ? `${one.when} > ${one.above}` : one.when);
const countOf = (changes: readonly Change[], of: 'machine' | 'service'): number =>
  new Set(changes.map(change => change[of])).size;
const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

export interface Conditional {
  readonly desired: DesiredState;
  /** What goes away for good by these changes. */
  readonly removals: ReadonlySet<Change>;
}

/** What a condition finds in these changes; undefined: it does not hold. */
function finding(condition: Condition, changes: readonly Change[], ask: Conditional): string | undefined {
  switch (condition.when) {
    case 'removes': {
      const gone = changes.filter(change => ask.removals.has(change));
      return gone.length === 0 ? undefined : `it removes ${gone.map(change => change.key).join(', ')}`;
    }
    case 'stateful': {
      const { byService } = lookupOf(ask.desired);
      // Of what left the registry only its stamp still says it. To take away what was stopped long ago asks nobody twice.
      const stands = ({ stamp }: Change) => stamp?.stateful === true && stamp.prunedAt === undefined;
      const stateful = changes.filter(
        change => stands(change) || byService.get(change.service)?.some(one => one.spec.stateful),
      );
      return stateful.length === 0 ? undefined : `it changes ${stateful.map(change => change.key).join(', ')}`;
    }
    case 'machines':
    case 'services': {
      const of = condition.when === 'machines' ? 'machine' : 'service';
      const count = countOf(changes, of);
      return count <= condition.above ? undefined : `it changes ${counted(count, of)}`;
    }
    default:
      return condition satisfies never;
  }
}

/**
 * Why changes wait, by change. A condition of the registry is judged over all changes that it is in force for, one that a
 * service has of its own over the changes of that service; when it holds, all of these wait.
 */
export function judgeConditions(changes: readonly Change[], ask: Conditional): ReadonlyMap<Change, string> {
  const ofRegistry = new Set(ask.desired.policy.approveWhen.map(nameOf));
  const subjects = new Map<string, { readonly condition: Condition; readonly changes: Change[] }>();
  for (const change of changes) {
    for (const condition of policyOf(change, ask.desired).approveWhen) {
      const name = nameOf(condition);
      const scope = ofRegistry.has(name) ? name : `${change.service}: ${name}`;
      const subject = subjects.get(scope) ?? { condition, changes: [] };
      subjects.set(scope, subject);
      subject.changes.push(change);
    }
  }
  const waits = new Map<Change, string>();
  for (const { condition, changes: subject } of subjects.values()) {
    const found = finding(condition, subject, ask);
    if (found === undefined) continue;
    for (const change of subject)
      if (!waits.has(change)) waits.set(change, `${found} (policy.approve_when: ${nameOf(condition)})`);
  }
  return waits;
}
