// What was read of long bodies is thrown away at once: its pieces lie outside of the heap, where the collector lets 30 MB of them pile up.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

/** A look at the young part of the heap costs a millisecond or two; this is what a second of the fastest sender reads. */
const everyBytes = 4 * 1024 * 1024;

let collect: Collect | undefined;
let read = 0;

/** As `node --expose-gc` does, and for nobody else. */
function openCollector(): Collect {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}

/** So many bytes more of bodies were read, and are not needed any more. */
export function sweep(bytes: number): void {
  read += bytes;
  if (read < everyBytes) return;
  read = 0;
  (collect ??= openCollector())({ type: 'minor' });
}
