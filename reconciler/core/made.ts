// What is noted on a machine when all steps of a revision were made: by it the next look knows that they need not be made again.
import { hash } from 'node:crypto';
import type { OwnFileSeen, Placement } from '../../schema/state.js';
import type { Driver } from '../drivers/driver.js';

/**
 * The fingerprint, and behind it a hash over the user's own files that it was started from, where it uses any: a claim
 * does not tell what these were like, and a start from other ones was another start.
 */
export function madeNote(
  placement: Placement,
  driver: Pick<Driver, 'ownFiles'>,
  own: Readonly<Record<string, OwnFileSeen>>,
): string {
  const files = driver.ownFiles(placement.spec);
  if (files.length === 0) return placement.fingerprint;
  const hashes = files.map(({ path }) => [path, own[path]?.sha256 ?? '']);
  return `${placement.fingerprint} ${hash('sha256', JSON.stringify(hashes))}`;
}
