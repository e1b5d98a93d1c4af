// In what order services start; they stop in the reverse one.
import { serviceGraph, startOrder } from '../core/dependencies.js';
import { needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object } from './parts/shape.js';

const input = object({});

export const depsOrder: Operation<typeof input, { readonly waves: readonly (readonly string[])[] }> = {
  name: 'deps.order',
  summary: 'In what order services start',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async context => ({ waves: startOrder(serviceGraph(needRegistry(await lying(context)))) }),
};
