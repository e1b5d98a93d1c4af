// Which services a group has.
import type { Registry } from '../../schema/registry-types.js';

/** Undefined: there is no such group; `constructor` and the like are names as any other. */
export function membersOf({ groups }: Pick<Registry, 'groups'>, group: string): readonly string[] | undefined {
  return Object.hasOwn(groups, group) ? groups[group] : undefined;
}
