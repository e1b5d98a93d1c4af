// Adds a service to the registry, as a commit.
import { type Edited, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { addEntry } from './parts/edits.js';
import { serviceEntry, serviceFields } from './parts/service-fields.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the service'), ...serviceFields }, ['name', 'type', 'path', 'machine']);

export const serviceAdd: Operation<typeof input, Edited> = {
  name: 'service.add',
  summary: 'Add a service to the registry',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports }, { name, ...wish }) => {
    const entry = serviceEntry(wish);
    const change = (registry: Parameters<typeof addEntry>[0]) => addEntry(registry, 'services', name, entry);
    return await editRegistry(ports, { kind: 'service.add', subject: `Add service ${name}`, change });
  },
};
