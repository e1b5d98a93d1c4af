// Makes changes ready to be sent: their files, claims and steps; or says why one cannot be made at all.
import { hash } from 'node:crypto';
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { Change, Outcome } from '../../schema/plan.js';
import type { Machine } from '../../schema/registry-types.js';
import type { LiveState, MachineSeen, Placement, Sighting, Stamp } from '../../schema/state.js';
import type { BatchChange } from '../commands/batch.js';
import { cameFrom } from '../core/came-from.js';
import { driftAt, isIgnored } from '../core/drift.js';
import { groundOf } from '../core/ground.js';
import { report } from '../core/machines.js';
import { madeNote } from '../core/made.js';
import { stampText } from '../core/ownership.js';
import { isStop } from '../core/plan.js';
import { claimOf } from '../core/stamps.js';
import type { GeneratedFile, Ground, StartKind } from '../drivers/driver.js';
import { type BatchRun, failed, isStart, type Prepared } from './batch-run.js';

/** What preparing needs of a batch's run: it changes nothing. */
export type Preparing = Pick<BatchRun, 'lists' | 'desired' | 'live' | 'files' | 'olderFiles' | 'machine'>;

export const emptyGround = (seen: MachineSeen, machine: Machine): Ground => ({
  facts: seen.facts,
  sudo: machine.sudo,
  own: {},
  files: {},
});

const runsAs = (placement: Placement, seen: MachineSeen) => placement.spec.user ?? seen.facts.user;

async function sourceBytes(run: Preparing, placement: Placement, oid: string, path: string): Promise<Uint8Array> {
  const from = placement.spec.source === '' ? path : `${placement.spec.source ?? ''}/${path}`;
  const files = run.olderFiles.get(placement.key) ?? run.files;
  const bytes = await files.read(from);
  if (bytes === undefined) throw new AppError('file-missing', `${from} (${oid.slice(0, 12)}) cannot be read`);
  return bytes;
}

/** Managed files that the machine does not show as they should be, with their content. */
async function filesToPut(
  run: Preparing,
  placement: Placement,
  seen: MachineSeen,
  ground: Ground,
  generated: readonly GeneratedFile[],
): Promise<BatchChange['files']> {
  const owner = runsAs(placement, seen);
  const source = placement.source
    .map(file => ({ file, path: `${placement.spec.path}/${file.path}` }))
    .filter(({ file, path }) => ground.files[path]?.sha256 !== file.sha256 || ground.files[path]?.mode !== file.mode);
  const fromGit = await Promise.all(
    source.map(async ({ file, path }) => ({
      path,
      mode: file.mode,
      owner,
      bytes: await sourceBytes(run, placement, file.oid, file.path),
    })),
  );
  const ours = generated.map(file => ({
    path: file.path,
    mode: file.mode,
    owner: file.root ? 'root' : owner,
    bytes: Buffer.from(file.text),
  }));
  return [...fromGit, ...ours];
}

/** A repair puts nothing over what policy leaves as somebody made it; a change of git does. */
function isLeft(
  file: BatchChange['files'][number],
  placement: Placement,
  ground: Ground,
  { takenAt }: LiveState,
): boolean {
  const found = ground.files[file.path];
  if (found === undefined) return false;
  const answer = driftAt(placement.spec.policy.drift, takenAt);
  const same = found.sha256 === hash('sha256', file.bytes);
  return isIgnored(answer, `${same ? 'mode' : 'file'}:${file.path}`);
}

/** Of what nobody has seen anything. */
export const nobodysSighting: Sighting = { state: 'absent', files: {}, own: {} };

export async function prepareStart(run: Preparing, change: Change, seen: MachineSeen): Promise<Prepared> {
  const placement = run.desired.placements.find(one => one.key === change.key);
  const driver = placement === undefined ? undefined : run.lists.drivers[placement.spec.type];
  if (placement === undefined || driver === undefined)
    throw new AppError('internal', `${change.key} is planned and not wanted`);
  const sighting = run.live.sightings[change.key] ?? nobodysSighting;
  const ground = groundOf(placement, seen, sighting, run.desired);
  const generated = driver.generate(placement, ground);
  if ('code' in generated) throw new AppError(generated.code, generated.message, { hint: generated.hint });
  const steps = driver.start(placement, change.kind as StartKind, ground);
  const kept = new Set([
    ...placement.source.map(file => `${placement.spec.path}/${file.path}`),
    ...generated.map(file => file.path),
  ]);
  const claim = claimOf({
    placement,
    identity: driver.identity(placement.spec, seen.facts),
    generated,
    commit: placement.instead?.commit ?? run.desired.commit,
    before: change.kind === 'replace' ? undefined : change.stamp,
    replaced: change.stamp,
    from: cameFrom(placement, change.stamp, run.desired, run.live),
  });
  const owner = runsAs(placement, seen);
  const files = await filesToPut(run, placement, seen, ground, generated);
  const batch: BatchChange = {
    service: change.service,
    basis: change.kind === 'replace' ? '' : change.basis,
    claim: stampText(claim),
    folders: [{ path: placement.spec.path, owner }],
    files: change.kind === 'repair' ? files.filter(file => !isLeft(file, placement, ground, run.live)) : files,
    unlink:
      change.kind === 'replace'
        ? []
        : (change.stamp?.files.map(file => file.path).filter(path => !kept.has(path)) ?? []),
    steps,
    made: madeNote(placement, driver, ground.own),
  };
  return { change, driver, ground, steps, batch, placement, generated };
}

export function prepareStop(run: Preparing, change: Change, stamp: Stamp, seen: MachineSeen): Prepared {
  const driver = run.lists.drivers[stamp.driver];
  if (driver === undefined) throw new AppError('internal', `there is no driver ${stamp.driver}`);
  const ground = emptyGround(seen, run.machine);
  const leaves = change.kind === 'remove' || change.kind === 'replace';
  const steps =
    change.kind === 'release' || stamp.adopted
      ? []
      : [...driver.stop(stamp, ground), ...(leaves ? driver.remove(stamp, ground) : [])];
  const unlink = leaves
    ? stamp.files.filter(file => change.kind === 'remove' || file.kind === 'generated').map(file => file.path)
    : [];
  return {
    change,
    driver,
    ground,
    steps,
    batch: {
      service: change.service,
      basis: change.basis,
      claim: stampText(stamp),
      folders: [],
      files: [],
      unlink,
      steps,
    },
    generated: [],
  };
}

/** Bytes that must be free where the state folder and the placement's path lie. */
const leastFreeBytes = 4 * 1024 * 1024;

function diskFull(
  seen: MachineSeen,
  machine: string,
  paths: readonly string[],
  needBytes: number,
): ErrorReport | undefined {
  for (const path of paths) {
    const mounts = seen.facts.fileSystems.filter(
      one => one.mount === '/' || path === one.mount || path.startsWith(`${one.mount}/`),
    );
    const mount = mounts.sort((a, b) => b.mount.length - a.mount.length)[0];
    if (mount !== undefined && (mount.freeBytes < leastFreeBytes + needBytes || mount.inodesFreePercent === 0)) {
      const free = Math.floor(mount.freeBytes / 1024);
      return report(
        'machine-disk-full',
        `${mount.mount} on ${machine} has ${free} KiB and ${mount.inodesFreePercent ?? 100} % of its inodes left`,
      );
    }
  }
  return undefined;
}

export async function prepareAll(
  run: Preparing,
  changes: readonly Change[],
  seen: MachineSeen,
): Promise<{ readonly prepared: readonly Prepared[]; readonly refused: readonly Outcome[] }> {
  const prepared: Prepared[] = [];
  const refused: Outcome[] = [];
  for (const change of changes) {
    try {
      if (isStop(change) && change.stamp !== undefined) prepared.push(prepareStop(run, change, change.stamp, seen));
      else prepared.push(await prepareStart(run, change, seen));
    } catch (thrown) {
      refused.push(failed(change, asAppError(thrown).report()));
    }
  }
  return { prepared, refused };
}

export function splitFull(
  run: Preparing,
  prepared: readonly Prepared[],
  seen: MachineSeen,
): { readonly fitting: readonly Prepared[]; readonly refused: readonly Outcome[] } {
  const refused: Outcome[] = [];
  const fitting = prepared.filter(one => {
    if (!isStart(one)) return true;
    const need = one.batch.files.reduce((sum, file) => sum + file.bytes.length, 0);
    const full = diskFull(seen, run.machine.name, [seen.stateFolder.path, one.placement.spec.path], need);
    if (full !== undefined) refused.push(failed(one.change, full));
    return full === undefined;
  });
  return { fitting, refused };
}
