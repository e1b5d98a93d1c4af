// One service as the registry settles it: defaults merged, templates filled, ports chosen.
import type { ServiceSpec } from '../../schema/registry-types.js';
import { needPlacements, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the service, or service@machine') }, ['name']);

export const serviceShow: Operation<typeof input, readonly ServiceSpec[]> = {
  name: 'service.show',
  summary: 'One service of the registry, on each of its machines',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { name }) => needPlacements(needRegistry(await lying(context)), name),
};
