// Takes a machine out of the registry, as a commit; a person's own removal needs no further approval.
import { removalOf } from '../loop/approvals.js';
import { type Edited, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { removeEntry } from './parts/edits.js';
import { sayApproved } from './parts/said.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the machine') }, ['name']);

export const machineRemove: Operation<typeof input, Edited> = {
  name: 'machine.remove',
  summary: 'Take a machine out of the registry',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports, actor }, { name }) => {
    let keys: readonly string[] = [];
    const edited = await editRegistry(ports, {
      kind: 'machine.remove',
      subject: `Remove machine ${name}`,
      change: registry => {
        keys = registry.before.registry?.placements.filter(one => one.machine === name).map(one => one.key) ?? [];
        return removeEntry(registry, 'machines', name);
      },
    });
    // Whoever merges a pull request decides then.
    if (edited.pull === undefined)
      await sayApproved(ports, keys.map(removalOf), { by: actor.name, at: ports.clock.now() });
    return edited;
  },
};
