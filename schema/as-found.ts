// Whether what a stamp stands for still is just as it was adopted.
import type { Stamp } from './state.js';

/**
 * Adopted, and not changed by us since: it was made without our files, so neither they nor our label can be missed. A
 * unit that we do not write has none in any case.
 */
export function isAsFound(stamp: Stamp): boolean {
  return stamp.adopted && stamp.files.every(file => file.kind !== 'generated');
}
