// Adds a machine to the registry, as a commit.
import { type Edited, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { addEntry } from './parts/edits.js';
import { machineEntry, machineFields } from './parts/machine-fields.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the machine'), ...machineFields }, ['name', 'host', 'user', 'platform']);

export const machineAdd: Operation<typeof input, Edited> = {
  name: 'machine.add',
  summary: 'Add a machine to the registry',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports }, { name, ...wish }) =>
    await editRegistry(ports, {
      kind: 'machine.add',
      subject: `Add machine ${name}`,
      change: registry => addEntry(registry, 'machines', name, machineEntry(wish)),
    }),
};
