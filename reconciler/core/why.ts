// What is decided for a placement, and why: read off a plan, a look at the machines and one look at health. Pure.
import { everyChange, letGo, needsPerson, type Held } from '../../schema/holds.js';
import type { Change, FieldChange, Hold, LeftAlone, MachineNote, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement, Stamp, Verdict } from '../../schema/state.js';
import type { Decision, PlacementWhy } from '../../schema/why.js';
import { policyOf } from './conditions.js';
import { fieldChanges } from './diff-fields.js';
import { lookupOf, stampOf } from './lookup.js';
import { bareMove } from './moves.js';
import { optional } from './optional.js';
import { isFirstStart, isStop } from './plan.js';
import { suspendOf } from './suspends.js';

/** What a preview found, and the desired state of git itself: what runs instead of a failed revision is not in it. */
export interface Known {
  readonly desired: DesiredState;
  readonly newest: DesiredState;
  readonly live: LiveState;
  readonly plan: Plan;
  readonly verdicts: ReadonlyMap<PlacementKey, Verdict>;
}

export type Decided = Pick<
  PlacementWhy,
  'decision' | 'because' | 'reason' | 'waits' | 'letGo' | 'error' | 'culprits'
> & {
  readonly fields: readonly FieldChange[];
  /** Keys of the registry that decide it. */
  readonly rules: readonly string[];
  readonly change?: Change;
};

const decided = (decision: Decision, because: string, more: Partial<Decided> = {}): Decided => ({
  decision,
  because,
  fields: [],
  rules: [],
  ...more,
});

function stampAt({ live }: Known, key: PlacementKey): Stamp | undefined {
  const at = key.indexOf('@');
  const view = live.machines[key.slice(at + 1)];
  return view?.state === 'reachable' ? stampOf(view, key.slice(0, at)) : undefined;
}

/** What would be other than what was applied, where nobody compared it because the hands are off. */
function unapplied(known: Known, placement: Placement | undefined): readonly FieldChange[] {
  const stamp = placement === undefined ? undefined : stampAt(known, placement.key);
  if (placement === undefined || stamp?.fingerprint === undefined) return [];
  return stamp.fingerprint === placement.fingerprint ? [] : fieldChanges(stamp.fields, placement.fields);
}

/** How it stands there, where no field tells it. */
function runField(known: Known, key: PlacementKey): FieldChange {
  const sighting = known.live.sightings[key];
  const from = sighting?.state === 'present' ? sighting.run : 'not there';
  return { field: 'run', from, to: 'running' };
}

function fieldsOfChange(known: Known, change: Change): readonly FieldChange[] {
  const { key, reason, stamp, fields, machine } = change;
  const older = stamp === undefined ? '' : `of commit ${stamp.commit.slice(0, 12)}`;
  if (reason === 'orphaned') return [{ field: 'service', from: older }];
  if (fields.length > 0) return fields;
  if (stamp === undefined) return [{ field: 'machine', ...optional('from', change.move?.from), to: machine }];
  return [runField(known, key)];
}

/** The rule that a hold follows from. */
function ruleOf(hold: Hold, change: Change, desired: DesiredState): readonly string[] {
  if (hold.by === 'observe') return ['policy.apply'];
  if (hold.by === 'window') return ['policy.windows'];
  if (hold.by === 'backoff') return ['policy.backoff'];
  if (bareMove(change) !== undefined) return ['stateful', 'data'];
  const policy = policyOf(change, desired);
  if (hold.by === undefined) return isStop(change) ? ['policy.max_removals'] : [];
  if (policy.apply === 'approve') return ['policy.apply'];
  // None of its own: it comes after one that waits.
  return policy.approveWhen.length > 0 ? ['policy.approve_when'] : [];
}

function waiting(known: Known, change: Change, held: Held, base: Partial<Decided>): Decided {
  const decision = needsPerson(held) ? 'approval' : (held.by ?? 'approval');
  return decided(decision, change.because, {
    ...base,
    waits: held.why,
    letGo: letGo(held),
    rules: ruleOf(held, change, known.desired),
  });
}

/** Why a dependency would keep it from beginning, as `apply` judges it; also through others that change and are kept themselves. */
function obstacle(known: Known, change: Change, seen: ReadonlySet<PlacementKey> = new Set()): string | undefined {
  if (isStop(change) || seen.has(change.key)) return undefined;
  const changing = new Map(known.plan.waves.flat().map(one => [one.key, one]));
  for (const key of change.after) {
    const ahead = changing.get(key);
    const beyond = ahead === undefined ? undefined : obstacle(known, ahead, new Set([...seen, change.key]));
    if (beyond !== undefined) return `${key} waits too: ${beyond}`;
    const verdict = ahead === undefined ? known.verdicts.get(key) : undefined;
    if (verdict?.state === 'fail') return `${key} is not healthy: ${verdict.found}`;
    if (verdict?.state === 'unknown' && isFirstStart(change)) return `${key} cannot be looked at: ${verdict.found}`;
  }
  return undefined;
}

function decideChange(known: Known, change: Change): Decided {
  const { plan } = known;
  const { reason, because } = change;
  const fields = fieldsOfChange(known, change);
  const base = { reason, fields, change, ...optional('culprits', change.culprits) };
  if (plan.held !== undefined) return waiting(known, change, { id: plan.id, ...plan.held }, base);
  const part = plan.waiting?.find(one => one.changes.includes(change));
  if (part !== undefined) return waiting(known, change, part, base);
  const ahead = obstacle(known, change);
  if (ahead === undefined) return decided('change', because, base);
  const dependency = { waits: ahead, letGo: 'It is waited for, up to its deadline, when this is applied.' };
  return decided('dependency', because, { ...base, ...dependency, rules: ['depends_on'] });
}

/** The revision that failed against what runs: the healthy one before it, or what is left of it. */
function quarantined(known: Known, left: LeftAlone, change: Change | undefined): Decided {
  const failed = lookupOf(known.newest).byKey.get(left.key);
  const stamp = stampAt(known, left.key);
  const fields = failed === undefined || stamp === undefined ? [] : fieldChanges(stamp.fields, failed.fields);
  const more = change === undefined ? {} : { change, reason: change.reason };
  return decided('quarantined', 'this revision failed', { fields, ...more, ...whyLeft(left) });
}

const whyLeft = (left: LeftAlone): Pick<Decided, 'waits' | 'error'> => ({
  waits: left.why,
  ...optional('error', left.error),
});

/** Hands off: by the registry, or by a command, which stands on the machine. */
function suspendRules(known: Known, placement: Placement | undefined): readonly string[] {
  const spec = placement?.spec;
  if (spec === undefined) return [];
  if (lookupOf(known.newest).machines.get(spec.machine)?.suspend !== undefined) return ['machine.suspend'];
  const view = known.live.machines[spec.machine];
  const byCommand = view?.state === 'reachable' && suspendOf(view, spec.service) !== undefined;
  return spec.suspend === undefined || byCommand ? [] : ['suspend'];
}

function decideLeft(known: Known, left: LeftAlone): Decided {
  const placement = lookupOf(known.newest).byKey.get(left.key);
  const base = { ...whyLeft(left), fields: left.fields ?? unapplied(known, placement) };
  const isNew = stampAt(known, left.key) === undefined && placement !== undefined;
  switch (left.state) {
    case 'held':
      return quarantined(known, left, undefined);
    case 'drifted':
      return decided('drifted', 'it was changed by hand', {
        ...base,
        reason: 'drifted',
        ...optional('culprits', left.culprits),
        rules: ['policy.drift'],
      });
    case 'blocked':
      return decided('blocked', 'it is not touched', {
        ...base,
        // Who placed it there, as for one that is missing.
        ...(isNew ? { fields: [{ field: 'machine', to: placement.spec.machine }] } : {}),
        rules: placement?.spec.unsupported ?? [],
      });
    case 'unknown':
      return decided('unknown', 'nobody could look', { ...base, fields: [], rules: ['machine.host'] });
    case 'suspended':
      return decided('suspended', 'it is looked at and not touched', {
        ...base,
        rules: suspendRules(known, placement),
      });
    case 'in-progress':
      return decided('in-progress', 'it is being changed now', base);
    case 'kept':
      return decided('kept', 'it left the registry', { ...base, reason: 'orphaned', rules: ['policy.prune'] });
    default:
      return left.state satisfies never;
  }
}

/** What is ours on a machine that is not worked on, and no longer wanted there, is named with its machine only. */
function decideNoted({ state, why, error }: MachineNote): Decided {
  const decisions = { unknown: 'unknown', leaving: 'unknown', blocked: 'blocked', suspended: 'suspended' } as const;
  const decision = state === 'in-progress' ? state : decisions[state];
  return decided(decision, 'it is no longer wanted there', { waits: why, ...optional('error', error) });
}

function decideSettled(known: Known, key: PlacementKey): Decided {
  const verdict = known.verdicts.get(key);
  if (verdict?.state === 'fail')
    return decided('not-answering', 'it is as the registry says', { waits: verdict.found, rules: ['health'] });
  const version = stampAt(known, key)?.commit.slice(0, 12) ?? '';
  const since = version === '' ? '' : `, since commit ${version}`;
  const health = verdict?.state === 'unknown' ? `; whether it answers is not known: ${verdict.found}` : '';
  return decided('nothing', `it is as the registry says${since}${health}`);
}

export function decide(known: Known, key: PlacementKey): Decided {
  const change = everyChange(known.plan).find(one => one.key === key);
  const left = known.plan.leftAlone.find(one => one.key === key);
  const note = known.plan.machines.find(one => one.machine === key.slice(key.indexOf('@') + 1));
  if (left?.state === 'held' && change !== undefined) return quarantined(known, left, change);
  if (change !== undefined) return decideChange(known, change);
  if (left !== undefined) return decideLeft(known, left);
  if (lookupOf(known.newest).byKey.has(key)) return decideSettled(known, key);
  const stopped = stampAt(known, key)?.prunedAt !== undefined;
  if (note !== undefined && !stopped) return decideNoted(note);
  const fields = [{ field: 'service', from: stopped ? 'stopped' : 'ours' }];
  return decided('nothing', 'it left the registry and was stopped; its data is kept', { reason: 'orphaned', fields });
}

/** Placements of a service: those that are wanted, then those that are ours somewhere and no longer wanted there. */
export function placementsOf(known: Known, service: string): readonly PlacementKey[] {
  const wanted = (lookupOf(known.newest).byService.get(service) ?? []).map(one => one.key);
  const ours = Object.entries(known.live.machines).flatMap(([machine, view]): readonly PlacementKey[] =>
    view.state === 'reachable' && stampOf(view, service) !== undefined ? [`${service}@${machine}`] : [],
  );
  return [...wanted, ...ours.filter(key => !wanted.includes(key))];
}
