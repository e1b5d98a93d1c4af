// A head start: while the registry is still read, a new process connects to the machines of the last one, which are most likely the same.
import type { Ports } from '../ports.js';
import { readFleet } from './fleet.js';
import { sessionOf } from './session.js';

/** Never waits for a machine. What goes wrong is told when the machine is asked; what is not asked is closed again. */
export async function approachFleet(ports: Ports): Promise<void> {
  if (ports.shell.connectAhead === undefined || sessionOf(ports).facts.size > 0) return;
  const { machines } = await readFleet(ports.state);
  ports.shell.setMachines(machines);
  ports.shell.connectAhead(machines);
}
