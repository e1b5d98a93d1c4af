// The stamps of a placement's life: claimed, finished, failed at its gate, stopped by prune.
import { hash } from 'node:crypto';
import type { ErrorCode } from '../../schema/errors.js';
import type { CameFrom, StampMove } from '../../schema/stamp-moves.js';
import type { HealthyRevision, Instead, Placement, Sighting, Stamp, StampFile } from '../../schema/state.js';
import type { GeneratedFile, Identity } from '../drivers/driver.js';
import { fingerprintOf } from './fingerprint.js';
import { optional } from './optional.js';

/** What the revision itself has against it, and not the machine: to try it again changes nothing. */
export const faultsOfRevision: ReadonlySet<ErrorCode> = new Set([
  'gate-failed',
  'image-missing',
  'compose-invalid',
  'uv-failed',
]);

interface Claim {
  readonly placement: Placement;
  readonly identity: Identity;
  readonly generated: readonly GeneratedFile[];
  readonly commit: string;
  readonly before?: Stamp | undefined;
  /** What stood there, also where its place is given up: what is gone back to when this fails. */
  readonly replaced?: Stamp | undefined;
  readonly from?: CameFrom | undefined;
}

const sha256 = (text: string): string => hash('sha256', text);

function filesOf(placement: Placement, generated: readonly GeneratedFile[]): readonly StampFile[] {
  return [
    ...placement.source.map((file): StampFile => ({
      path: `${placement.spec.path}/${file.path}`,
      mode: file.mode,
      sha256: file.sha256,
      kind: 'source',
    })),
    ...generated.map((file): StampFile => ({
      path: file.path,
      mode: file.mode,
      sha256: sha256(file.text),
      kind: 'generated',
    })),
  ];
}

/** What was adopted stays so, whatever we make of it later; a unit is ours once we write it. */
function isAdopted({ placement: { spec }, identity, replaced }: Omit<Claim, 'before'>): boolean {
  if (spec.type === 'native') return spec.command === undefined;
  return replaced?.adopted === true && replaced.driver === spec.type && replaced.project === identity.project;
}

function base(claim: Omit<Claim, 'before'>): Stamp {
  const { placement, identity } = claim;
  const { spec } = placement;
  return {
    service: spec.service,
    driver: spec.type,
    scope: identity.scope,
    path: spec.path,
    ...(identity.unit === undefined ? {} : { unit: identity.unit }),
    ...(identity.project === undefined ? {} : { project: identity.project }),
    commit: claim.commit,
    fields: placement.fields,
    files: filesOf(placement, claim.generated),
    own: {},
    images: {},
    ports: spec.ports,
    dependsOn: spec.dependsOn,
    adopted: isAdopted(claim),
    ...(spec.stateful ? { stateful: true } : {}),
    stopTimeoutMs: spec.stopTimeoutMs,
    ...optional('from', claim.from),
  };
}

/** The revision to go back to: the finished one that stood there, or the one that it knew of itself. */
export function healthyOf(before: Stamp | undefined): Pick<Stamp, 'healthy'> {
  if (before === undefined || before.prunedAt !== undefined) return {};
  const { fingerprint, commit, images } = before;
  const pinned = before.healthy?.fingerprint === fingerprint && before.healthy?.pinned === true;
  if (fingerprint !== undefined && commit !== '') return { healthy: { fingerprint, commit, images, pinned } };
  return before.healthy === undefined ? {} : { healthy: before.healthy };
}

const broughtBack = (instead: Instead, images: Stamp['images']): Omit<HealthyRevision, 'fingerprint'> => ({
  commit: instead.commit,
  images,
  pinned: Object.keys(instead.images).length > 0,
});

/** While an older revision runs instead of one that failed, its stamp says both. */
const quarantineOf = ({ instead }: Placement): Pick<Stamp, 'failed'> =>
  instead === undefined ? {} : { failed: instead.of };

/**
 * Written before anything is touched: no fingerprint, so whoever looks next knows that it is ours and unfinished. It
 * keeps what the last finished one says of fields, and names the files of both.
 */
export function claimOf(claim: Claim): Stamp {
  const next = { ...base(claim), ...quarantineOf(claim.placement), ...healthyOf(claim.replaced) };
  if (claim.before === undefined) return { ...next, fields: {} };
  const named = new Set(next.files.map(file => file.path));
  return {
    ...next,
    fields: claim.before.fields,
    files: [...next.files, ...claim.before.files.filter(file => !named.has(file.path))],
  };
}

export interface Finished extends Omit<Claim, 'before'> {
  readonly sighting: Exclude<Sighting, { state: 'unknown' }>;
  readonly ownFiles: readonly string[];
  /** Seconds since 1970 by the machine's clock at that look. */
  readonly clock?: number | undefined;
}

/** A revision that is only brought up anew keeps the one before it. */
function previousOf({ placement, replaced }: Finished): Pick<Stamp, 'healthy'> {
  const { healthy } = healthyOf(replaced);
  if (healthy?.fingerprint !== placement.fingerprint) return healthy === undefined ? {} : { healthy };
  return replaced?.healthy === undefined ? {} : { healthy: replaced.healthy };
}

/** What was seen to run: fingerprint, images and hashes of the user's own files as of the fresh look. */
export function finalStamp(finished: Finished): Stamp {
  const { placement, sighting, ownFiles } = finished;
  const images = sighting.state === 'present' ? sighting.images : {};
  return {
    // First, since the V8 of Node 20 gives every object that begins with a spread a shape of its own, slow to read.
    fingerprint: placement.fingerprint,
    ...base(finished),
    ...quarantineOf(placement),
    ...(placement.instead === undefined
      ? previousOf(finished)
      : { healthy: { fingerprint: placement.fingerprint, ...broughtBack(placement.instead, images) } }),
    ...(finished.clock === undefined ? {} : { finishedAt: finished.clock }),
    own: Object.fromEntries(ownFiles.map(path => [path, sighting.own[path]?.sha256 ?? ''])),
    images,
  };
}

/** What is true of a Compose project that we did not make, and of a unit that we shall write: where and what it is. */
const trueAsFound = /^(type|path|scope|unit|compose_(file|project|service)|file:.*)$/;

/**
 * It was found running, and is ours from now on: what the registry wants beyond that (environment, limits) differs from
 * it, and what it does not want anyhow does not.
 */
export function adoptedStamp(found: Omit<Finished, 'replaced' | 'generated' | 'clock'>): Stamp {
  const { placement, sighting, ownFiles } = found;
  const { type, command } = placement.spec;
  const whole = type === 'native' && command === undefined;
  const fields = Object.fromEntries(
    Object.entries(placement.fields).filter(([name]) => whole || trueAsFound.test(name)),
  );
  return {
    ...base({ ...found, generated: [] }),
    adopted: true,
    fields,
    fingerprint: fingerprintOf(fields),
    own: Object.fromEntries(ownFiles.map(path => [path, sighting.own[path]?.sha256 ?? ''])),
    images: sighting.state === 'present' ? sighting.images : {},
  };
}

/** Its commands failed for what the revision itself says: held as if it had failed at its gate. */
export function refusedStamp(claim: Stamp, { instead, fingerprint }: Placement): Stamp {
  const { healthy: _, ...rest } = claim;
  return instead === undefined ? { ...claim, failed: fingerprint } : { ...rest, failed: instead.of };
}

/**
 * It was applied and did not become healthy: not finished, and not tried again by itself. `before`: what stood there, and
 * is gone back to. An older revision that fails too leaves nothing to go back to.
 */
export function heldStamp(final: Stamp, before: Stamp | undefined): Stamp {
  const { fingerprint, healthy: _, ...rest } = final;
  if (fingerprint === undefined || final.failed !== undefined) return rest;
  return { ...rest, failed: fingerprint, ...healthyOf(before) };
}

/** It was healthy, and became ill while it soaked. */
export function condemnedStamp(stamp: Stamp): Stamp {
  const { fingerprint, finishedAt: _, ...rest } = stamp;
  return fingerprint === undefined ? rest : { ...rest, failed: fingerprint };
}

/** A person wants the failed revision tried again. */
export function clearedStamp(stamp: Stamp): Stamp {
  const { failed: _, ...rest } = stamp;
  return rest;
}

/** `clock`: seconds since 1970 by the machine's own clock. */
export function prunedStamp(stamp: Stamp, clock: number): Stamp {
  const { move: _, from: _from, ...rest } = stamp;
  return { ...rest, prunedAt: clock };
}

/** It is stopped for its move to another machine. */
export function movingStamp(
  stamp: Stamp,
  { machine, of }: { readonly machine: string; readonly of: string },
  state: StampMove['state'],
): Stamp {
  return { ...stamp, move: { state, to: machine, of } };
}

/** It runs here again. `hold`: the move is not tried anew by itself. */
export function resumedStamp(stamp: Stamp, hold: boolean): Stamp {
  const { move, ...rest } = stamp;
  return move === undefined || !hold ? rest : { ...rest, move: { ...move, state: 'failed' } };
}

/** What will stand at its path is ours, and does not run: written before its data come. */
export function arrivalStamp(placement: Placement, identity: Identity, commit: string, clock: number): Stamp {
  return prunedStamp(claimOf({ placement, identity, generated: [], commit }), clock);
}
