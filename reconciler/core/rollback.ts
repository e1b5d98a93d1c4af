// Which deployment a rollback goes to, and which images it names: judged by what history kept. Pure.
import type { Deployment } from '../../schema/history.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { ImageSeen } from '../../schema/state.js';
import { faultsOfRevision } from './stamps.js';

const isCommit = (commit: string | undefined): commit is string =>
  commit !== undefined && /^[0-9a-f]{40,64}$/.test(commit);

/** Why nothing can be returned to what it left; undefined: it brought a healthy revision up, of a commit. */
export function unusable(one: Deployment): string | undefined {
  switch (one.result) {
    case 'failed':
      return 'failed';
    case 'skipped':
      return 'was skipped';
    case 'in-progress':
      return 'has not ended';
    case 'applied':
      if (one.kind === 'stop' || one.kind === 'remove' || one.kind === 'release') return `took ${one.service} away`;
      return isCommit(one.commit) ? undefined : 'was made from files that were no commit';
    default:
      return one.result satisfies never;
  }
}

/** The same revision: its words and files, and the images it ran from as far as both are known. */
export function sameRevision(
  one: Pick<Deployment, 'fingerprint' | 'images'>,
  other: Pick<Deployment, 'fingerprint' | 'images'>,
): boolean {
  if (one.fingerprint === undefined || one.fingerprint !== other.fingerprint) return false;
  const [images, others] = [one.images ?? {}, other.images ?? {}];
  return Object.entries(images).every(([inner, { id }]) => others[inner] === undefined || others[inner].id === id);
}

/** It was healthy at its gate, and was found ill afterwards. */
export function becameIll(one: Deployment, all: readonly Deployment[]): boolean {
  return all.some(
    later =>
      later.startedAt > one.startedAt &&
      later.result === 'failed' &&
      later.error !== undefined &&
      faultsOfRevision.has(later.error.code) &&
      later.fingerprint !== undefined &&
      later.fingerprint === one.fingerprint,
  );
}

/** Those before it, newest first. `all` is of one placement, newest first. */
export function before(one: Deployment, all: readonly Deployment[]): readonly Deployment[] {
  const at = all.findIndex(other => other.id === one.id);
  return at < 0 ? all.filter(other => other.startedAt < one.startedAt) : all.slice(at + 1);
}

export interface Pins {
  /** For the entry's `images`. */
  readonly images: Readonly<Record<string, string>>;
  /** Images that cannot be named, with why. */
  readonly lost: readonly string[];
}

type Asked = Pick<ServiceSpec, 'docker' | 'machine'>;

/** Why an image without a digest is not pinned by the id that it has on its machine; undefined: it can be. */
function cannotPin({ docker, machine }: Asked, placements: number): string | undefined {
  if (docker?.build === true) return `it was built on ${machine}, and is built anew`;
  if (placements > 1) return `only ${machine} knows it, by an id`;
  if (docker?.pull === 'always') return 'no registry has it, and `pull: always` asks one';
  return undefined;
}

/** How the images of a deployment are named in the registry: by digest, else by the id on the one machine that has them. */
export function pinsOf(images: Readonly<Record<string, ImageSeen>> | undefined, spec: Asked, placements: number): Pins {
  if (spec.docker === undefined) return { images: {}, lost: [] };
  if (images === undefined)
    return { images: {}, lost: ['images: history did not keep which ones ran; their tags are taken as they are now'] };
  const pins: Record<string, string> = {};
  const lost: string[] = [];
  for (const [inner, { id, digest }] of Object.entries(images)) {
    const written = spec.docker.images[inner];
    const why = digest === undefined && written === undefined ? cannotPin(spec, placements) : undefined;
    if (why === undefined) pins[inner] = written ?? digest ?? id;
    else lost.push(`the image of ${inner} (${id.slice(0, 19)}): ${why}`);
  }
  return { images: pins, lost };
}
