// What became of a change whose process was killed before it could say, by what its machine shows now.
import type { ErrorReport } from '../../schema/errors.js';
import type { DeploymentEnd } from '../../schema/history.js';
import type { IntendedChange } from '../../schema/intended.js';
import type { Undone } from '../../schema/plan.js';
import type { ImageSeen, LiveState, MachineSeen, Stamp } from '../../schema/state.js';
import { stampOf } from './lookup.js';
import { report } from './machines.js';
import { basisOf } from './ownership.js';
import { isStop } from './plan.js';

export interface Became {
  readonly end: DeploymentEnd;
  /** Nobody can say it yet; the end is what stands until somebody can. */
  readonly open?: true;
}

const noEnd = (why: string): ErrorReport => ({
  ...report('interrupted', `the controller was killed before it saw the end: ${why}`),
  hint: 'What git wants and the machine does not show is done by the next pass; see `portoser status`.',
});

const failedBy = (error: ErrorReport): DeploymentEnd => ({ result: 'failed', error });

const notBegun: DeploymentEnd = { result: 'skipped', why: 'the controller was killed before it was begun' };

function appliedAs({ images }: Pick<Stamp, 'images'>): DeploymentEnd {
  const seen = Object.entries(images).map(([inner, id]): readonly [string, ImageSeen] => [inner, { id }]);
  return { result: 'applied', ...(seen.length === 0 ? {} : { images: Object.fromEntries(seen) }) };
}

/** The last healthy revision runs instead, if its stamp says so. */
function undoneBy(stamp: Stamp | undefined, fingerprint: string | undefined): { readonly undone?: Undone } {
  const runs = stamp?.fingerprint !== undefined && stamp.prunedAt === undefined;
  if (!runs || fingerprint === undefined || stamp.failed !== fingerprint) return {};
  return { undone: { result: 'back', commit: stamp.commit } };
}

/** Only what was seen healthy has a fingerprint in its stamp. */
function startEnd(
  { key, fingerprint, ill, stays }: IntendedChange,
  stamp: Stamp | undefined,
): DeploymentEnd | undefined {
  const undone = undoneBy(stamp, fingerprint);
  if (ill !== undefined) return { ...failedBy(ill), ...undone };
  if (stamp?.fingerprint === undefined && stamp?.failed === undefined) return undefined;
  if (fingerprint !== undefined && stamp.failed === fingerprint) {
    const why = `${key} failed and is held; what it said was lost when the controller was killed`;
    return { ...failedBy(report('gate-failed', why)), ...undone };
  }
  const stands = stamp.fingerprint !== undefined && stamp.prunedAt === undefined;
  const moves = stamp.move !== undefined && stamp.move.state !== 'failed';
  if (!stands || moves || stamp.fingerprint !== (fingerprint ?? stamp.fingerprint)) return undefined;
  return stays === true
    ? failedBy(noEnd(`${key} came up, and its stamp does not tell whether it was healthy`))
    : appliedAs(stamp);
}

function stopEnd({ kind }: IntendedChange, stamp: Stamp | undefined): DeploymentEnd | undefined {
  const gone = stamp === undefined || (kind === 'stop' && stamp.prunedAt !== undefined);
  return gone ? { result: 'applied' } : undefined;
}

/** A stop leaves the stamp alone until its end: only what does not run may have been begun with. */
function mayBeBegun(change: IntendedChange, { sightings }: LiveState): boolean {
  if (!isStop(change) && change.kind !== 'replace') return false;
  const sighting = sightings[change.key];
  return sighting?.state !== 'present' || !['running', 'starting', 'crash-looping'].includes(sighting.run);
}

function onMachine(change: IntendedChange, seen: MachineSeen, live: LiveState): Became {
  const stamp = stampOf(seen, change.service);
  const untouched = basisOf(stamp) === change.basis;
  const end = untouched ? undefined : isStop(change) ? stopEnd(change, stamp) : startEnd(change, stamp);
  if (end !== undefined) return { end };
  if (seen.openSteps.length > 0)
    return { end: failedBy(noEnd(`its steps still run on ${change.machine}`)), open: true };
  if (untouched && !mayBeBegun(change, live)) return { end: notBegun };
  return { end: failedBy(noEnd(`${change.key} was not finished on ${change.machine}`)) };
}

/** A later run went on with it: what its machine shows is that one's doing. */
export const overtakenEnd = ({ key }: IntendedChange): Became => ({
  end: failedBy(noEnd(`a later run went on with ${key}`)),
});

/** By stamps, which say whose they are and what was seen healthy. A change that left its stamp as it was did nothing. */
export function becameOf(change: IntendedChange, live: LiveState): Became {
  const view = live.machines[change.machine];
  if (view === undefined) return { end: failedBy(noEnd(`${change.machine} is not in the registry any more`)) };
  if (view.state === 'unknown') return { end: failedBy(noEnd(`${change.machine} does not answer`)), open: true };
  return onMachine(change, view, live);
}
