// One pass at a time in a process: a machine's lock is the whole process's, and would let two of its own passes through.
import type { Ports } from '../ports.js';

const lasts = new WeakMap<Ports, Promise<unknown>>();

/** After all that was asked before on these ports, however that ended. */
export function alone<T>(ports: Ports, work: () => Promise<T>): Promise<T> {
  const mine = (lasts.get(ports) ?? Promise.resolve()).then(work);
  lasts.set(
    ports,
    mine.catch(() => undefined),
  );
  return mine;
}
