// What is wanted instead of revisions that failed: the last healthy one, resolved anew from git at its own commit.
import { asAppError } from '../../schema/errors.js';
import type { DockerOptions, PlacementKey } from '../../schema/registry-types.js';
import type { DesiredState, HealthyRevision, LiveState, Placement, Sighting, Stamp } from '../../schema/state.js';
import { stampOf } from '../core/lookup.js';
import { needsToday } from '../core/needs-today.js';
import { healthyOf } from '../core/stamps.js';
import type { Lists } from '../operations/operation.js';
import type { Ports, RepoFiles } from '../ports.js';
import { desire } from './desired.js';
import { sync } from './sync.js';

export interface InForce {
  readonly desired: DesiredState;
  /** Where the files of placements lie that are not of the desired commit. */
  readonly files: ReadonlyMap<PlacementKey, RepoFiles>;
}

interface Quarantined {
  readonly placement: Placement;
  readonly stamp: Stamp;
  readonly healthy: HealthyRevision;
}

function quarantined(desired: DesiredState, live: LiveState, again: ReadonlySet<string>): readonly Quarantined[] {
  return desired.placements.flatMap(placement => {
    const { policy, machine, service } = placement.spec;
    const view = live.machines[machine];
    if (policy.onFailure !== 'rollback' || view?.state !== 'reachable' || again.has(service)) return [];
    const stamp = stampOf(view, service);
    const { healthy } = healthyOf(stamp);
    if (stamp?.failed !== placement.fingerprint || healthy === undefined) return [];
    // The same words failed with other files of the user's own: those are not ours to put back.
    return healthy.fingerprint === placement.fingerprint ? [] : [{ placement, stamp, healthy }];
  });
}

interface Revision {
  readonly desired: DesiredState;
  readonly files: RepoFiles;
}

/** The cluster as it was wanted at a commit; the error's message when it cannot be had any more. */
async function revisionAt(ports: Ports, lists: Lists, commit: string): Promise<Revision | string> {
  try {
    const synced = await sync(ports, { from: 'commit', revision: commit });
    return { desired: await desire(ports, lists, synced), files: synced.files };
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return error.message;
  }
}

/**
 * Images that are to be named by id, because a tag may mean another one by now; none where the containers were not yet
 * replaced, which would only be restarted by another name of the same image. Once it is back it stays as it was brought.
 */
function pins({ stamp, healthy }: Quarantined, sighting: Sighting | undefined): HealthyRevision['images'] {
  if (healthy.pinned) return healthy.images;
  if (stamp.fingerprint !== undefined) return {};
  const seen = sighting?.state === 'present' ? sighting.images : {};
  const same = Object.entries(healthy.images).every(([inner, id]) => seen[inner] === id);
  return same ? {} : healthy.images;
}

/** An id can be pulled from nowhere. */
function dockerOf(docker: DockerOptions, images: HealthyRevision['images']): DockerOptions {
  if (Object.keys(images).length === 0) return docker;
  return { ...docker, images: { ...docker.images, ...images }, pull: 'never' };
}

function brought(old: Placement, one: Quarantined, sighting: Sighting | undefined): Placement {
  const { spec } = old;
  const { policy, suspend } = one.placement.spec;
  const images = pins(one, sighting);
  return {
    ...old,
    spec: {
      ...spec,
      policy,
      ...(suspend === undefined ? {} : { suspend }),
      ...(spec.docker === undefined ? {} : { docker: dockerOf(spec.docker, images) }),
    },
    instead: { of: one.placement.fingerprint, commit: one.healthy.commit, images },
  };
}

/** The last healthy revision of a placement, or why it cannot be brought back. */
function restored(one: Quarantined, revision: Revision | string, sighting?: Sighting): Placement | string {
  const when = `commit ${one.healthy.commit.slice(0, 12)}`;
  if (typeof revision === 'string') return `${when} cannot be read: ${revision}`;
  const old = revision.desired.placements.find(placement => placement.key === one.placement.key);
  if (old === undefined) return `${when} does not name it`;
  if (old.fingerprint !== one.healthy.fingerprint) return `${when} does not describe what was healthy`;
  return old.blocked === undefined ? brought(old, one, sighting) : `${when}: ${old.blocked}`;
}

/**
 * The desired state with the last healthy revision in the place of each one that failed. Where that cannot be had any
 * more, the failed one stays wanted and held, with the reason. `again`: services that a person wants tried again.
 */
export async function insteadOfFailed(
  ports: Ports,
  lists: Lists,
  desired: DesiredState,
  live: LiveState,
  again: ReadonlySet<string>,
): Promise<InForce> {
  const ill = ports.source.git === undefined ? [] : quarantined(desired, live, again);
  if (ill.length === 0) return { desired, files: new Map() };
  const revisions = new Map<string, Revision | string>();
  for (const { healthy } of ill)
    if (!revisions.has(healthy.commit)) revisions.set(healthy.commit, await revisionAt(ports, lists, healthy.commit));
  const files = new Map<PlacementKey, RepoFiles>();
  let inForce = desired;
  for (const one of ill) {
    const revision = revisions.get(one.healthy.commit) ?? 'it was not read';
    const old = restored(one, revision, live.sightings[one.placement.key]);
    const placement =
      typeof old === 'string' ? { ...one.placement, noWayBack: old } : { ...old, dependsOn: needsToday(old, inForce) };
    inForce = {
      ...inForce,
      placements: inForce.placements.map(other => (other.key === placement.key ? placement : other)),
    };
    if (typeof revision !== 'string') files.set(one.placement.key, revision.files);
  }
  return { desired: inForce, files };
}
