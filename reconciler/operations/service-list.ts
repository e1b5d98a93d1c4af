// The placements of the registry, service by service.
import { membersOf } from '../core/groups.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import { needRegistry, unknownName } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text } from './parts/shape.js';

const input = object({ group: text('Only services of this group'), tag: text('Only services with this tag') });

export const serviceList: Operation<typeof input, readonly ServiceSpec[]> = {
  name: 'service.list',
  summary: 'The services of the registry',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { group, tag }) => {
    const registry = needRegistry(await lying(context));
    if (group !== undefined && membersOf(registry, group) === undefined)
      throw unknownName('group', group, Object.keys(registry.groups));
    return registry.placements.filter(
      one => (group === undefined || one.groups.includes(group)) && (tag === undefined || one.tags.includes(tag)),
    );
  },
};
