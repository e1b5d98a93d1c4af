// Looks at machines as a doctor would: whether all is there that the registry needs of them. Changes nothing.
import { levelOf } from '../core/doctor.js';
import type { Level } from '../core/doctor-remark.js';
import { desire } from '../loop/desired.js';
import { type Checkup, checkUpMachines } from '../loop/doctor.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { needMachine, needRegistry } from './parts/names.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the machine; none: all of them') });

export interface Doctored {
  readonly at: number;
  /** The worst of all that could be looked at. */
  readonly level: Level;
  /** Machines that could not be looked at. */
  readonly unseen: readonly string[];
  readonly machines: readonly Checkup[];
}

export const machineDoctor: Operation<typeof input, Doctored> = {
  name: 'machine.doctor',
  summary: 'Check what machines need for what is placed on them',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { name }) => {
    const { ports, lists } = context;
    const synced = await lying(context);
    const registry = needRegistry(synced);
    if (name !== undefined) needMachine(registry, name);
    const machines = await checkUpMachines(ports, lists, await desire(ports, lists, synced), name);
    const seen = machines.filter(one => one.error === undefined);
    return {
      at: ports.clock.now(),
      level: levelOf(seen.flatMap(one => one.remarks)),
      unseen: machines.filter(one => one.error !== undefined).map(one => one.machine),
      machines,
    };
  },
};
