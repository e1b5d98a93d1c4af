// Changes what the registry says of a service, as a commit.
import type { EditMap } from '../core/edit.js';
import { type Edited, type Editable, editRegistry } from '../loop/edit.js';
import type { Operation } from './operation.js';
import { needSomething, unsetKeys, updateEntry, valueIn } from './parts/edits.js';
import type { Entry } from './parts/machine-fields.js';
import { serviceEntry, serviceFields } from './parts/service-fields.js';
import { object, text, texts } from './parts/shape.js';

const input = object({ name: text('Name of the service'), ...serviceFields, unset: texts('Keys to take away') }, [
  'name',
]);

const isMap = (value: unknown): value is EditMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Single variables and the health check's path are set beside what stands there, not instead of it. */
function merged(registry: Editable, name: string, entry: Entry): Entry {
  const pairs = Object.entries(entry).map(([key, value]) => {
    const before = key === 'env' || key === 'health' ? valueIn(registry, 'services', name, key) : undefined;
    return [key, isMap(value) && isMap(before) ? { ...before, ...value } : value] as const;
  });
  return Object.fromEntries(pairs);
}

export const serviceUpdate: Operation<typeof input, Edited> = {
  name: 'service.update',
  summary: 'Change a service of the registry',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports }, { name, unset, ...wish }) => {
    const entry = serviceEntry(wish);
    const keys = needSomething({ ...entry, ...unsetKeys(entry, unset) });
    const change = (registry: Editable) => updateEntry(registry, 'services', name, merged(registry, name, keys));
    return await editRegistry(ports, { kind: 'service.update', subject: `Change service ${name}`, change });
  },
};
