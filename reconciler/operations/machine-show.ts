// One machine as the registry settles it, with what is placed on it.
import type { Machine, ServiceSpec } from '../../schema/registry-types.js';
import { needMachine, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text } from './parts/shape.js';

export interface ShownMachine {
  readonly machine: Machine;
  readonly placements: readonly ServiceSpec[];
}

const input = object({ name: text('Name of the machine') }, ['name']);

export const machineShow: Operation<typeof input, ShownMachine> = {
  name: 'machine.show',
  summary: 'One machine of the registry',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { name }) => {
    const registry = needRegistry(await lying(context));
    return {
      machine: needMachine(registry, name),
      placements: registry.placements.filter(one => one.machine === name),
    };
  },
};
