// Who needs whom.
import { type ServiceNode, serviceGraph } from '../core/dependencies.js';
import { needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object } from './parts/shape.js';

const input = object({});

export const depsGraph: Operation<typeof input, readonly ServiceNode[]> = {
  name: 'deps.graph',
  summary: 'Services with what they depend on',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async context => serviceGraph(needRegistry(await lying(context))),
};
