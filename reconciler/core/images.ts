// Under which names the images of a placement's last two healthy revisions are kept on its machine.
import { hash } from 'node:crypto';
import type { Stamp } from '../../schema/state.js';

/** A tag has at most 128 characters (distribution/reference), a fingerprint 64. */
const longestInner = 63;

/** `portoser/<service>:<fingerprint>`; of several inner services each has its own name behind it. */
function nameOf(service: string, fingerprint: string, inner: string, several: boolean): string {
  if (!several) return `portoser/${service}:${fingerprint}`;
  const short = inner.length <= longestInner ? inner : hash('sha256', inner).slice(0, 16);
  return `portoser/${service}:${fingerprint}-${short}`;
}

/** Names and ids of the revision that runs, and of the healthy one before it; undefined: nothing of it has images to keep. */
export function imagesToKeep(
  stamp: Stamp,
): { readonly service: string; readonly tags: readonly { readonly name: string; readonly id: string }[] } | undefined {
  const { service, driver, fingerprint, images, healthy, prunedAt } = stamp;
  if (driver !== 'docker' || fingerprint === undefined || prunedAt !== undefined) return undefined;
  const revisions = [{ fingerprint, images }, ...(healthy === undefined ? [] : [healthy])];
  const tags = revisions.flatMap(one => {
    const inner = Object.entries(one.images).filter(([, id]) => id !== '');
    return inner.map(([name, id]) => ({ name: nameOf(service, one.fingerprint, name, inner.length > 1), id }));
  });
  return { service, tags };
}
