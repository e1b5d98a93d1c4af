// Changes what the registry says of a machine, as a commit.
import { type Edited, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { needSomething, unsetKeys, updateEntry } from './parts/edits.js';
import { machineEntry, machineFields } from './parts/machine-fields.js';
import { object, text, texts } from './parts/shape.js';

const input = object({ name: text('Name of the machine'), ...machineFields, unset: texts('Keys to take away') }, [
  'name',
]);

export const machineUpdate: Operation<typeof input, Edited> = {
  name: 'machine.update',
  summary: 'Change a machine of the registry',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports }, { name, unset, ...wish }) => {
    const entry = machineEntry(wish);
    const keys = needSomething({ ...entry, ...unsetKeys(entry, unset) });
    const change = (registry: Parameters<typeof updateEntry>[0]) => updateEntry(registry, 'machines', name, keys);
    return await editRegistry(ports, { kind: 'machine.update', subject: `Change machine ${name}`, change });
  },
};
