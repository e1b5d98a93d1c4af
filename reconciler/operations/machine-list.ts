// The machines of the registry, with what is placed on them.
import type { Machine } from '../../schema/registry-types.js';
import { needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text } from './parts/shape.js';

export type ListedMachine = Machine & { readonly services: readonly string[] };

const input = object({ tag: text('Only machines with this tag') });

export const machineList: Operation<typeof input, readonly ListedMachine[]> = {
  name: 'machine.list',
  summary: 'The machines of the registry',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { tag }) => {
    const registry = needRegistry(await lying(context));
    return registry.machines
      .filter(machine => tag === undefined || machine.tags.includes(tag))
      .map(machine => ({
        ...machine,
        services: registry.placements.filter(one => one.machine === machine.name).map(one => one.service),
      }));
  },
};
