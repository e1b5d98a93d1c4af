// Differences made into changes, in the order in which they may be made.
import { createHash } from 'node:crypto';
import type { Change, ChangeKind, Difference, LeftAlone, Plan } from '../../schema/plan.js';
import type { PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, Stamp } from '../../schema/state.js';
import type { Differences } from './diff.js';
import { lookupOf } from './lookup.js';
import { basisOf } from './ownership.js';

function split(key: PlacementKey): { readonly service: string; readonly machine: string } {
  const at = key.indexOf('@');
  return { service: key.slice(0, at), machine: key.slice(at + 1) };
}

function goneKind(difference: Difference, stamp: Stamp, prune: 'stop' | 'remove' | 'keep'): ChangeKind {
  if (stamp.adopted) return 'release';
  if (stamp.prunedAt !== undefined || (difference.reason === 'orphaned' && prune === 'remove')) return 'remove';
  return 'stop';
}

function kindOf(difference: Difference): ChangeKind {
  const { reason, stamp } = difference;
  switch (reason) {
    case 'missing':
      if (stamp === undefined) return 'create';
      return stamp.fingerprint === undefined && difference.made === undefined ? 'update' : 'repair';
    case 'changed':
      return difference.replaces ? 'replace' : 'update';
    // The driver itself sees which of its files are put right, and starts anew what runs from them.
    case 'drifted':
      return 'repair';
    case 'stopped':
      return stamp?.prunedAt === undefined ? 'repair' : 'update';
    case 'unhealthy':
      return 'restart';
    case 'moved':
    case 'orphaned':
      return 'stop';
    default:
      return reason satisfies never;
  }
}

/** Placements of one service change one after another: each waits for the one before it that changes too. */
function inTurn(changes: readonly Change[], desired: DesiredState): readonly Change[] {
  const changing = new Set(changes.filter(change => !isStop(change)).map(change => change.key));
  return changes.map(change => {
    if (isStop(change)) return change;
    const keys = (lookupOf(desired).byService.get(change.service) ?? []).map(one => one.key);
    const siblings = keys.filter(key => changing.has(key));
    const before = siblings[siblings.indexOf(change.key) - 1];
    return before === undefined ? change : { ...change, after: [...change.after, before] };
  });
}

function startChange(difference: Difference, desired: DesiredState): Change {
  const placement = lookupOf(desired).byKey.get(difference.key);
  return {
    key: difference.key,
    ...split(difference.key),
    kind: kindOf(difference),
    reason: difference.reason,
    because: difference.because,
    fields: difference.fields,
    basis: basisOf(difference.stamp),
    after: placement?.dependsOn ?? [],
    ...(difference.stamp === undefined ? {} : { stamp: difference.stamp }),
    ...(difference.move === undefined ? {} : { move: difference.move }),
    ...(difference.mayBeOn === undefined ? {} : { mayBeOn: difference.mayBeOn }),
    ...(difference.resumes === undefined ? {} : { resumes: true }),
  };
}

/**
 * What moved stops after its successors are up, unless it is one of them, which did not come up. Of what is removed,
 * dependants stop before what they depend on.
 */
function stopChange(difference: Difference, stamp: Stamp, desired: DesiredState, gone: readonly Difference[]): Change {
  const successors = (lookupOf(desired).byService.get(stamp.service) ?? []).map(one => one.key);
  const dependants = gone
    .filter(other => other.reason === 'orphaned' && other.stamp?.dependsOn.includes(stamp.service))
    .map(other => other.key);
  return {
    key: difference.key,
    ...split(difference.key),
    kind: goneKind(difference, stamp, desired.policy.prune),
    reason: difference.reason,
    because: difference.because,
    fields: difference.fields,
    basis: basisOf(stamp),
    after: difference.reason !== 'moved' ? dependants : successors.includes(difference.key) ? [] : successors,
    stamp,
  };
}

/** Whether one change waits for another, directly or through others. */
function waitsFor(from: Change, key: PlacementKey, byKey: ReadonlyMap<PlacementKey, Change>): boolean {
  const seen = new Set<PlacementKey>();
  const walk = (one: Change): boolean =>
    one.after.some(next => {
      if (next === key) return true;
      const change = seen.has(next) ? undefined : byKey.get(next);
      seen.add(next);
      return change !== undefined && walk(change);
    });
  return walk(from);
}

/**
 * What a new service needs that an old one still holds: its ports on the machine. The old one goes first. One that moves
 * and would wait, through its successor, for the new one (two that change places) does not wait for its successor.
 */
function makeRoom(changes: readonly Change[], desired: DesiredState): readonly Change[] {
  const byKey = new Map(changes.map(change => [change.key, change]));
  const stops = changes.filter(isStop);
  for (const { key, machine } of stops.length === 0 ? [] : changes.filter(change => !isStop(change))) {
    const wanted = lookupOf(desired).byKey.get(key)?.spec.ports ?? [];
    for (const stop of stops) {
      if (stop.machine !== machine || !stop.stamp?.ports.some(port => wanted.includes(port))) continue;
      const [change, inTheWay] = [byKey.get(key), byKey.get(stop.key)];
      if (change === undefined || inTheWay === undefined) continue;
      const waits = waitsFor(inTheWay, key, byKey);
      // One that is stopped before it starts elsewhere holds its port until then, whoever wants it.
      if (waits && changes.some(one => one.move?.from === stop.machine && one.service === stop.service)) continue;
      if (waits) byKey.set(stop.key, { ...inTheWay, after: [] });
      byKey.set(key, { ...change, after: [...change.after, stop.key] });
    }
  }
  return [...byKey.values()];
}

/** The two changes of a move belong together, whatever a person chose. */
function withPairs(named: readonly Change[], changes: readonly Change[]): readonly Change[] {
  const keys = new Set(
    named.flatMap(one => [
      one.key,
      ...(one.reason === 'moved' ? one.after : []),
      ...(one.move === undefined ? [] : [`${one.service}@${one.move.from}` as const]),
    ]),
  );
  return changes.filter(change => keys.has(change.key));
}

/** What it depends on through others that do not change: it comes after these too, as if the others were not there. */
function behindUnchanged(key: PlacementKey, desired: DesiredState, changing: ReadonlySet<PlacementKey>) {
  const seen = new Set<PlacementKey>();
  const walk = (from: PlacementKey): void => {
    for (const next of lookupOf(desired).byKey.get(from)?.dependsOn ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      if (!changing.has(next)) walk(next);
    }
  };
  walk(key);
  return [...seen].filter(one => changing.has(one));
}

function inOrderOfAll(changes: readonly Change[], desired: DesiredState): readonly Change[] {
  const changing = new Set(changes.filter(change => !isStop(change)).map(change => change.key));
  return changes.map(change =>
    isStop(change)
      ? change
      : { ...change, after: [...new Set([...change.after, ...behindUnchanged(change.key, desired, changing)])] },
  );
}

export const isStop = (change: Pick<Change, 'kind'>): boolean =>
  change.kind === 'stop' || change.kind === 'remove' || change.kind === 'release';

/** Never finished here, whatever an earlier attempt left. */
export const isFirstStart = ({ stamp }: Change): boolean =>
  stamp?.fingerprint === undefined && stamp?.healthy === undefined;

/**
 * Nobody waits for somebody who waits for him. The registry refuses circles, but stamps tell of the commits at which they
 * were written: two services may have changed who depends on whom in between.
 */
function withoutCircles(changes: readonly Change[]): readonly Change[] {
  const byKey = new Map(changes.map(change => [change.key, change]));
  const done = new Map<PlacementKey, Change>();
  const open = new Set<PlacementKey>();
  const walk = (change: Change): Change => {
    const known = done.get(change.key);
    if (known !== undefined) return known;
    open.add(change.key);
    const after = change.after.filter(key => !open.has(key));
    for (const next of after.flatMap(key => byKey.get(key) ?? [])) walk(next);
    open.delete(change.key);
    const straight = after.length === change.after.length ? change : { ...change, after };
    done.set(change.key, straight);
    return straight;
  };
  return changes.map(walk);
}

/** Waves by the changes' own order, in which there are no circles; what is not in the plan holds nothing up here. */
export function wavesOf(changes: readonly Change[]): readonly (readonly Change[])[] {
  const level = new Map<PlacementKey, number>();
  const byKey = new Map(changes.map(change => [change.key, change]));
  const levelOf = (change: Change): number => {
    const known = level.get(change.key);
    if (known !== undefined) return known;
    const before = change.after.flatMap(key => byKey.get(key) ?? []);
    const own = before.reduce((highest, one) => Math.max(highest, levelOf(one)), -1) + 1;
    level.set(change.key, own);
    return own;
  };
  const waves: Change[][] = [];
  for (const change of changes) (waves[levelOf(change)] ??= []).push(change);
  return waves;
}

/** The same changes from the same commit have the same id; from a work tree, which has none, as long as the same is wanted. */
export function idOf(desired: DesiredState, changes: readonly Change[]): string {
  const { byKey } = lookupOf(desired);
  const essence = changes.map(({ key, kind, basis, fields, mayBeOn = [] }) => {
    const wanted = byKey.get(key)?.fingerprint;
    return [key, kind, basis, fields, ...(wanted === undefined ? [] : [wanted]), ...mayBeOn];
  });
  return createHash('sha256')
    .update(JSON.stringify([desired.commit, essence]))
    .digest('hex')
    .slice(0, 12);
}

export interface Selection {
  /** Services to change; absent: all. */
  readonly services?: ReadonlySet<string>;
  readonly machine?: string;
  /** Leave alone what the chosen ones depend on. */
  readonly noDeps?: boolean;
}

/** The chosen services, and what they depend on where that is missing or stopped. */
function chosen(changes: readonly Change[], desired: DesiredState, selection: Selection): readonly Change[] {
  const named = withPairs(
    changes.filter(
      change =>
        (selection.services?.has(change.service) ?? true) &&
        (selection.machine === undefined || change.machine === selection.machine),
    ),
    changes,
  );
  if (selection.noDeps || (selection.services === undefined && selection.machine === undefined)) return named;
  const keys = new Set(named.map(change => change.key));
  const wanted = desired.placements.filter(one => selection.services?.has(one.spec.service)).map(one => one.key);
  const along = new Map<PlacementKey, string>();
  const seen = new Set<PlacementKey>();
  const walk = (key: PlacementKey, forWhom: string) => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const dependency of lookupOf(desired).byKey.get(key)?.dependsOn ?? []) {
      const change = changes.find(one => one.key === dependency);
      if (change && (change.reason === 'missing' || change.reason === 'stopped')) along.set(dependency, forWhom);
      walk(dependency, forWhom);
    }
  };
  for (const key of [...wanted, ...keys]) walk(key, split(key).service);
  const extra = changes
    .filter(change => along.has(change.key) && !keys.has(change.key))
    .map(change => ({ ...change, because: `${change.because}; ${along.get(change.key)} depends on it` }));
  return [...extra, ...named];
}

export function makePlan(differences: Differences, desired: DesiredState, selection: Selection = {}): Plan {
  const gone = differences.differences.filter(one => one.reason === 'orphaned' || one.reason === 'moved');
  const starts = differences.differences.filter(one => one.reason !== 'orphaned' && one.reason !== 'moved');
  const all = [
    ...gone.flatMap(one => (one.stamp === undefined ? [] : [stopChange(one, one.stamp, desired, gone)])),
    ...starts.map(one => startChange(one, desired)),
  ];
  const ordered = inTurn(inOrderOfAll(chosen(all, desired, selection), desired), desired);
  const changes = withoutCircles(makeRoom(ordered, desired));
  const leftAlone: readonly LeftAlone[] = differences.leftAlone.filter(
    one =>
      (selection.services?.has(split(one.key).service) ?? true) &&
      (selection.machine === undefined || split(one.key).machine === selection.machine),
  );
  return {
    id: idOf(desired, changes),
    commit: desired.commit,
    waves: wavesOf(changes),
    leftAlone,
    machines: differences.machines,
  };
}

export const changesOf = (plan: Plan): readonly Change[] => plan.waves.flat();
