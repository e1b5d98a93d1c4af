// Checks names that a person typed against the registry; a wrong one is answered with the nearest right one.
import { membersOf } from '../../core/groups.js';
import { didYouMean } from '../../../schema/closest.js';
import { AppError } from '../../../schema/errors.js';
import type { Machine, Registry, ServiceSpec } from '../../../schema/registry-types.js';
import { sync, type Synced } from '../../loop/sync.js';
import type { Ports } from '../../ports.js';
import type { Selection } from './selection.js';

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

export const serviceNames = (registry: Registry): readonly string[] =>
  unique(registry.placements.map(one => one.service));

/** The name that was meant, as a sentence; undefined: none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const hint = didYouMean(name, known);
  return hint === undefined ? undefined : `${hint.charAt(0).toUpperCase()}${hint.slice(1)}`;
}

export function unknownName(
  kind: 'service' | 'machine' | 'group' | 'placement',
  name: string,
  known: readonly string[],
): AppError {
  const none = known.length === 0 ? `The registry names no ${kind}s.` : undefined;
  const sentence = nearest(name, known) ?? none;
  return new AppError(
    'unknown-name',
    `there is no ${kind} \`${name}\``,
    sentence === undefined ? {} : { hint: sentence },
  );
}

/** Throws `registry-invalid` with the first diagnostics when there is no registry to go by. */
export function needRegistry(synced: Synced): Registry {
  if (synced.registry !== undefined) return synced.registry;
  const errors = synced.diagnostics.filter(one => one.severity === 'error');
  const shown = errors.slice(0, 5).map(one => `${one.file}:${one.line}:${one.column} ${one.message}`);
  const more = errors.length > shown.length ? [`and ${errors.length - shown.length} more`] : [];
  throw new AppError('registry-invalid', [...shown, ...more].join('\n'), {
    hint: 'Run `portoser registry validate` to see them all.',
  });
}

export function needMachine(registry: Registry, name: string): Machine {
  const found = registry.machines.find(one => one.name === name);
  if (found) return found;
  throw unknownName(
    'machine',
    name,
    registry.machines.map(one => one.name),
  );
}

/** The placements of a service, or the one that `service@machine` names. */
export function needPlacements(registry: Registry, name: string, machine?: string): readonly ServiceSpec[] {
  const [service = '', at = machine] = name.split('@');
  const all = registry.placements.filter(one => one.service === service);
  if (all.length === 0) throw unknownName('service', service, serviceNames(registry));
  const chosen = at === undefined ? all : all.filter(one => one.machine === at);
  if (chosen.length > 0) return chosen;
  if (at !== undefined) needMachine(registry, at);
  throw new AppError('unknown-name', `${service} does not run on ${at ?? ''}`, {
    hint: `It runs on ${all.map(one => one.machine).join(', ')}.`,
  });
}

/** Throws `unknown-name` for a selection that names nothing. An invalid registry is told by others. */
export async function checkChosen(ports: Ports, from: 'commit' | 'files', chosen: Selection): Promise<void> {
  const { services = [], group, machine } = chosen;
  if (services.length === 0 && group === undefined && machine === undefined) return;
  const { registry } = await sync(ports, { from });
  if (registry !== undefined) checkSelection(registry, chosen);
}

function checkSelection(registry: Registry, chosen: Selection): void {
  for (const name of chosen.services ?? []) needPlacements(registry, name);
  if (chosen.machine !== undefined) needMachine(registry, chosen.machine);
  if (chosen.group !== undefined && membersOf(registry, chosen.group) === undefined)
    throw unknownName('group', chosen.group, Object.keys(registry.groups));
}
