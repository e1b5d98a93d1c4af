// Wanted against seen, placement by placement: what differs, why, and what is left alone. Unknown is not absent.
import type { ErrorReport } from '../../schema/errors.js';
import type { Difference, FieldChange, LeftAlone, MachineNote, Movement, Takeover } from '../../schema/plan.js';
import type { DriftAnswer } from '../../schema/registry-types.js';
import type { DesiredState, LiveState, Placement, Stamp } from '../../schema/state.js';
import type { Driver } from '../drivers/driver.js';
import { type Case, fieldChanges, fileDrift, generatedChanges, identityChanges, ownChanges } from './diff-fields.js';
import { counted, driftAt, untilText } from './drift.js';
import { groundOf } from './ground.js';
import { stampOf } from './lookup.js';
import { judgeMachines, report } from './machines.js';
import { madeNote } from './made.js';
import { arrivalOf } from './moves.js';
import { strangerOnPort } from './occupied.js';
import { optional } from './optional.js';
import { diffOrphans } from './orphans.js';
import { answerText, takeovers } from './takeover.js';
import { handsOff, suspendOf } from './suspends.js';
import { withdrawalOf } from './withdrawal.js';

export interface Differences {
  readonly differences: readonly Difference[];
  readonly leftAlone: readonly LeftAlone[];
  readonly machines: readonly MachineNote[];
}

export interface DiffAsk {
  readonly drivers: Readonly<Record<string, Driver>>;
  /** Machines on which this controller is changing something right now. */
  readonly busy: ReadonlySet<string>;
  /** Services whose failed revision a person asked to try again. */
  readonly again: ReadonlySet<string>;
  /** Machines of the last applied commit that are not in the registry any more. */
  readonly leaving: readonly string[];
}

export type Finding = Difference | LeftAlone;
const isDifference = (one: Finding): one is Difference => 'reason' in one;

const left = (placement: Placement, state: LeftAlone['state'], why: string, error?: ErrorReport): LeftAlone => ({
  key: placement.key,
  state,
  why,
  ...(error === undefined ? {} : { error }),
});

const differs = (
  one: Case,
  reason: Difference['reason'],
  because: string,
  fields: readonly FieldChange[] = [],
): Difference => ({
  key: one.placement.key,
  reason,
  because,
  fields,
  ...(one.stamp === undefined ? {} : { stamp: one.stamp }),
});

/** Files of the repository that stand at the path already with other content, and are not ours. */
function foreignFiles(one: Case): readonly string[] {
  return one.placement.source
    .map(file => ({ file, path: `${one.placement.spec.path}/${file.path}` }))
    .filter(
      ({ file, path }) => one.sighting.files[path] !== undefined && one.sighting.files[path]?.sha256 !== file.sha256,
    )
    .map(({ path }) => path);
}

function judgeUnowned(one: Case): Finding {
  const { placement, sighting } = one;
  const adopts = placement.spec.type === 'native' && placement.spec.command === undefined;
  if (adopts) {
    if (sighting.state === 'present') return differs(one, 'missing', 'the unit is there and not managed yet');
    const error = report('unit-missing', `there is no unit ${placement.spec.unitName} on ${placement.spec.machine}`);
    return left(placement, 'blocked', error.message, error);
  }
  if (sighting.state === 'present') {
    const what = one.driver.identity(placement.spec, one.seen.facts);
    const error = report(
      'stranger',
      `${what.unit ?? what.project ?? placement.spec.service} is on ${placement.spec.machine} already and is not ours`,
    );
    return left(placement, 'blocked', error.message, error);
  }
  const foreign = foreignFiles(one);
  if (foreign.length > 0) {
    const error = report(
      'stranger',
      `${foreign.join(', ')} on ${placement.spec.machine} would be overwritten and is not ours`,
    );
    return left(placement, 'blocked', error.message, error);
  }
  return differs(one, 'missing', 'it is not there');
}

const names = (fields: readonly FieldChange[]) => fields.map(({ field }) => field).join(', ');

/**
 * The connection or the controller was gone before the gate of just this revision had been judged, and all of its steps
 * were made, from the user's own files as they are now.
 */
function wasMade(one: Case, stamp: Stamp): boolean {
  const { placement, seen, driver, sighting } = one;
  if (stamp.fingerprint !== undefined || stamp.failed === placement.fingerprint) return false;
  return (
    seen.made?.[placement.spec.service] === madeNote(placement, driver, sighting.own) &&
    generatedChanges(one, stamp).length === 0
  );
}

function judgeChanged(one: Case, stamp: Stamp): Difference | undefined {
  const { placement } = one;
  const identity = identityChanges(one, stamp);
  if (identity.length > 0)
    return {
      ...differs(one, 'changed', `${names(identity)} changed: the old place is released`, identity),
      replaces: true,
    };
  if (stamp.prunedAt !== undefined)
    return differs(one, 'stopped', 'it was stopped when it left the registry, and is back');
  const asApplied = stamp.fingerprint === placement.fingerprint;
  const fields = asApplied ? [] : fieldChanges(stamp.fields, placement.fields);
  if (stamp.fingerprint === undefined) {
    if (wasMade(one, stamp)) return undefined;
    return placement.instead === undefined
      ? differs(one, 'missing', 'an earlier attempt was not finished', fields)
      : differs(one, 'changed', 'the newer revision failed: back to the last healthy one', fields);
  }
  if (stamp.fingerprint !== placement.fingerprint)
    return differs(one, 'changed', `${names(fields) || 'fingerprint'} changed in git`, fields);
  const own = ownChanges(one, stamp);
  if (own.length > 0) return differs(one, 'changed', `edited on ${placement.spec.machine}: ${names(own)}`, own);
  const generated = generatedChanges(one, stamp);
  return generated.length > 0
    ? differs(one, 'changed', `our own text of ${names(generated)} changed`, generated)
    : undefined;
}

/** Policy wants to be told, not to have it reverted. */
function leftDrifted(
  { placement, sighting }: Case,
  fields: readonly FieldChange[],
  because: string,
  answer: DriftAnswer,
  takes: readonly Takeover[],
): LeftAlone {
  const run = sighting.state === 'absent' ? 'not there' : sighting.run;
  const stands = run === 'running' || run === 'starting' ? '' : `, and it is ${run}`;
  const why = `${because}${stands}; ${answerText(answer, fields.length, takes.length)}${untilText(answer)}`;
  const taken = takes.length === 0 ? {} : { takes };
  return { ...left(placement, 'drifted', why), fields, ...taken, ...optional('until', answer.untilAt) };
}

function judgeDrift(one: Case, stamp: Stamp): Finding | undefined {
  const { placement, sighting } = one;
  const on = placement.spec.machine;
  const files = fileDrift(one, stamp);
  const settings = sighting.state === 'absent' ? [] : one.driver.drift(placement, sighting, stamp);
  const answer = driftAt(placement.spec.policy.drift, one.live.takenAt);
  const fields = files.length + settings.length === 0 ? [] : counted(answer, [...files, ...settings]);
  if (fields.length > 0) {
    const because = `changed by hand on ${on}: ${names(fields)}`;
    if (answer.action === 'revert') return differs(one, 'drifted', because, fields);
    const takes = answer.action === 'adopt' ? takeovers(one, stamp, fields) : [];
    return leftDrifted(one, fields, because, answer, takes);
  }
  if (sighting.state === 'absent') return differs(one, 'missing', `what ran there was removed on ${on}`);
  if (sighting.run === 'stopped' || sighting.run === 'failed') {
    return differs(
      one,
      'stopped',
      sighting.detail === undefined ? `it is ${sighting.run}` : `it is ${sighting.run}: ${sighting.detail}`,
    );
  }
  return undefined;
}

/** A revision that failed. `noWayBack`: why not even the last healthy one is brought back. */
function heldBack(placement: Placement, noWayBack?: string): LeftAlone {
  const { service } = placement.spec;
  const runs =
    placement.instead === undefined
      ? ''
      : `; what was healthy at commit ${placement.instead.commit.slice(0, 12)} runs instead`;
  const stays = noWayBack === undefined ? '' : `; the one before it is not brought back: ${noWayBack}`;
  const why = `this revision was applied and did not become healthy${runs}${stays}; correct it in git, or try again with \`portoser deploy ${service}\``;
  return left(placement, 'held', why, report('gate-failed', why));
}

function judgeOwned(one: Case, stamp: Stamp): Finding | undefined {
  const { placement, again } = one;
  const failedBefore = stamp.failed === placement.fingerprint && !again.has(placement.spec.service);
  const changed = judgeChanged(one, stamp);
  if (failedBefore && changed !== undefined) {
    return heldBack(placement, placement.noWayBack);
  }
  const found = changed ?? judgeDrift(one, stamp);
  if (found !== undefined || !wasMade(one, stamp)) return found;
  return { ...differs(one, 'missing', 'an earlier attempt was made and not judged'), made: true };
}

/** It stands elsewhere and is stopped there first; what is here of it, if anything, was stopped or never finished. */
function judgeArrival(one: Case, move: Movement): Finding {
  const { placement, sighting, stamp } = one;
  if (stamp === undefined && sighting.state === 'present') return judgeUnowned(one);
  if (stamp === undefined && !move.copies && foreignFiles(one).length > 0) return judgeUnowned(one);
  const data = move.copies ? ', and its data are brought along' : '';
  const because = move.handed
    ? `it came from ${move.from}, and was not finished`
    : `it moves from ${move.from}: it is stopped there first${data}`;
  const fields = [{ field: 'machine', from: move.from, to: placement.spec.machine }];
  return { ...differs(one, stamp?.prunedAt === undefined ? 'missing' : 'stopped', because, fields), move };
}

function judgePlacement(
  placement: Placement,
  desired: DesiredState,
  live: LiveState,
  ask: DiffAsk,
  notes: ReadonlyMap<string, MachineNote>,
): Finding | undefined {
  const { spec } = placement;
  const note = notes.get(spec.machine);
  if (note?.state === 'suspended')
    return { ...left(placement, 'suspended', note.why), ...optional('until', note.until) };
  if (spec.suspend !== undefined)
    return left(
      placement,
      'suspended',
      spec.suspend === true ? 'suspended in the registry' : `suspended: ${spec.suspend}`,
    );
  if (placement.blocked !== undefined)
    return left(placement, 'blocked', placement.blocked, report('not-supported', placement.blocked));
  if (note !== undefined)
    return left(
      placement,
      note.state === 'in-progress' ? 'in-progress' : note.state === 'unknown' ? 'unknown' : 'blocked',
      note.why,
      note.error,
    );

  const seen = live.machines[spec.machine];
  const suspend = seen?.state === 'reachable' ? suspendOf(seen, spec.service) : undefined;
  if (seen?.state === 'reachable' && suspend !== undefined)
    return { key: placement.key, state: 'suspended', ...handsOff(suspend, seen, live) };
  const sighting = live.sightings[placement.key];
  const driver = ask.drivers[spec.type];
  if (seen?.state !== 'reachable' || sighting === undefined || driver === undefined)
    return left(placement, 'unknown', 'it was not looked at');
  if (sighting.state === 'unknown') return left(placement, 'unknown', sighting.error.message, sighting.error);

  const arrival = arrivalOf(placement, { desired, live, notes, again: ask.again });
  if (arrival !== undefined && 'state' in arrival) return arrival;
  const unsure = arrival !== undefined && 'mayBeOn' in arrival ? arrival : undefined;
  const move = arrival !== undefined && 'from' in arrival ? arrival : undefined;
  const made = driver.generate(placement, groundOf(placement, seen, sighting, desired));
  // What it is generated from may come along with its data.
  if ('code' in made && move?.copies !== true) return left(placement, 'blocked', made.message, made);
  const generated = 'code' in made ? [] : made;
  const stamp = stampOf(seen, spec.service);
  const one: Case = { placement, seen, sighting, stamp, driver, generated, again: ask.again, live, desired };
  const own = (): Finding | undefined => (stamp === undefined ? judgeUnowned(one) : judgeOwned(one, stamp));
  const finding = move === undefined ? own() : judgeArrival(one, move);
  const taken =
    finding !== undefined && isDifference(finding)
      ? strangerOnPort(placement, seen, sighting, finding.replaces === true)
      : undefined;
  if (taken !== undefined) return left(placement, 'blocked', taken.message, taken);
  return finding !== undefined && isDifference(finding) ? { ...finding, ...unsure } : finding;
}

function withdrawn(found: Finding, placement: Placement, desired: DesiredState, live: LiveState): readonly Finding[] {
  const held = !isDifference(found) && found.state === 'held';
  const withdrawal = held ? withdrawalOf(placement, desired, live) : undefined;
  return withdrawal === undefined ? [] : [withdrawal];
}

/** Compares all placements, then what is ours on the machines and no longer in the registry. */
export function diff(desired: DesiredState, live: LiveState, ask: DiffAsk): Differences {
  const notes = judgeMachines(desired, live, ask.busy);
  const findings: Finding[] = [];
  for (const placement of desired.placements) {
    if (placement.instead !== undefined) findings.push(heldBack(placement));
    const found = judgePlacement(placement, desired, live, ask, notes);
    if (found !== undefined) findings.push(found, ...withdrawn(found, placement, desired, live));
  }
  const left = new Map(findings.flatMap(one => (isDifference(one) ? [] : [[one.key, one] as const])));
  const orphans = diffOrphans(desired, live, notes, { ...ask, left });
  const all = [...findings, ...orphans.findings];
  return {
    differences: all.filter(isDifference),
    leftAlone: all.filter((one): one is LeftAlone => !isDifference(one)),
    machines: [...notes.values(), ...orphans.machines],
  };
}
