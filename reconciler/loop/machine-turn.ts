// Whose turn it is on a machine among those of this process: the machine's lock is the whole process's, and would let two of them through.
import type { Ports } from '../ports.js';
import { sessionOf } from './session.js';

export const isBusy = (ports: Ports, machine: string): boolean => sessionOf(ports).busy.has(machine);

/** The machine is busy until the work has ended, however that ends. Ask `isBusy` before, or wait by `inTurn`. */
export async function occupied<T>(ports: Ports, machine: string, work: () => Promise<T>): Promise<T> {
  const { busy } = sessionOf(ports);
  const working = work();
  busy.set(machine, working);
  try {
    return await working;
  } finally {
    if (busy.get(machine) === working) busy.delete(machine);
  }
}

/** After all that this process does there already. */
export async function inTurn<T>(ports: Ports, machine: string, work: () => Promise<T>): Promise<T> {
  const { busy } = sessionOf(ports);
  for (let before = busy.get(machine); before !== undefined; before = busy.get(machine)) {
    await before.catch(() => undefined);
    if (busy.get(machine) === before) busy.delete(machine);
  }
  return await occupied(ports, machine, work);
}
