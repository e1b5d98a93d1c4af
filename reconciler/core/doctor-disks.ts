// File systems that are nearly full, by blocks or inodes: where something of ours lies it matters, elsewhere it is told.
import type { FileSystemUse } from '../../schema/state.js';
import { fine, type Patient, placedOn, type Remark } from './doctor-remark.js';
import { report } from './machines.js';

const gib = 1024 ** 3;

/** Both the share and the amount: five per cent of a large disk is no trouble. */
const low = { percent: 10, bytes: 20 * gib, inodes: 10 };
const scarce = { percent: 5, bytes: 2 * gib, inodes: 3 };

const below = ({ totalBytes, freeBytes, inodesFreePercent = 100 }: FileSystemUse, limit: typeof low): boolean =>
  (freeBytes < limit.bytes && freeBytes * 100 < totalBytes * limit.percent) || inodesFreePercent < limit.inodes;

const size = (bytes: number): string =>
  bytes < gib ? `${Math.floor(bytes / 1024 ** 2)} MiB` : `${(bytes / gib).toFixed(1)} GiB`;

function roomOn({ mount, totalBytes, freeBytes, inodesFreePercent }: FileSystemUse): string {
  const inodes = inodesFreePercent === undefined ? '' : `, ${inodesFreePercent} % of the inodes`;
  return `${mount} has ${size(freeBytes)} of ${size(totalBytes)} free${inodes}`;
}

/** The file system that holds a path: the one whose mount point is its longest beginning. */
function holding(path: string, all: readonly FileSystemUse[]): FileSystemUse | undefined {
  return all
    .filter(({ mount }) => mount === '/' || path === mount || path.startsWith(`${mount}/`))
    .toSorted((one, other) => other.mount.length - one.mount.length)[0];
}

/** Where something of ours lies or is written, each file system once. */
function ours(patient: Patient): ReadonlySet<FileSystemUse> {
  const { seen } = patient;
  const docker = placedOn(patient).some(one => one.spec.type === 'docker') ? ['/var/lib/docker'] : [];
  const paths = [seen.stateFolder.path, ...placedOn(patient).map(one => one.spec.path), ...docker];
  return new Set(paths.flatMap(path => holding(path, seen.facts.fileSystems) ?? []));
}

/** A read-only image (a snap, a disc) has no room by its nature. */
const isImage = ({ freeBytes }: FileSystemUse): boolean => freeBytes <= 0;

export function diskRemarks(patient: Patient): readonly Remark[] {
  const own = ours(patient);
  const all = patient.seen.facts.fileSystems.filter(one => own.has(one) || !isImage(one));
  const hint = report('machine-disk-full', '').hint;
  const remarks = all
    .filter(one => below(one, low))
    .map((one): Remark => ({
      subject: 'disk',
      level: own.has(one) && below(one, scarce) ? 'problem' : 'warning',
      text: roomOn(one),
      hint,
    }));
  const shown = [...own].map(roomOn).join('; ');
  return remarks.length > 0 || shown === '' ? remarks : [fine('disk', shown)];
}
