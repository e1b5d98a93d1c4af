// From the registry at a commit, with its source files, to the desired state.
import type { Registry, PlacementKey, ServiceSpec } from '../../schema/registry-types.js';
import type { DesiredState, Placement, SourceFile } from '../../schema/state.js';
import type { Driver } from '../drivers/driver.js';
import { fieldsOf, fingerprintOf } from './fingerprint.js';
import { optional } from './optional.js';

/** What `gather` read for one placement: source files and the texts among them that drivers read. */
export interface Gathered {
  readonly source: readonly SourceFile[];
  readonly texts: Readonly<Record<string, string>>;
  /** Why the source cannot be used (a link, a name that no shell line can hold). */
  readonly blocked?: string;
}

export interface ResolveInputs {
  readonly commit: string;
  readonly rootCommit: string;
  /** By placement key. */
  readonly gathered: ReadonlyMap<PlacementKey, Gathered>;
}

const nothing: Gathered = { source: [], texts: {} };

const blockedBy = (spec: ServiceSpec, gathered: Gathered): string | undefined =>
  spec.unsupported.length > 0 ? `${spec.unsupported.join(', ')}: not supported yet` : gathered.blocked;

function keysByService(registry: Registry): ReadonlyMap<string, readonly PlacementKey[]> {
  const keysOf = new Map<string, PlacementKey[]>();
  for (const { service, key } of registry.placements) {
    const keys = keysOf.get(service);
    if (keys === undefined) keysOf.set(service, [key]);
    else keys.push(key);
  }
  return keysOf;
}

function keysOfAll(
  services: readonly string[],
  keysOf: ReadonlyMap<string, readonly PlacementKey[]>,
): readonly PlacementKey[] {
  const [first = '', ...more] = services;
  if (more.length === 0) return keysOf.get(first) ?? [];
  return services.flatMap(name => keysOf.get(name) ?? []);
}

/** Pure: the same registry and commit give the same desired state everywhere. */
export function resolve(
  registry: Registry,
  inputs: ResolveInputs,
  drivers: Readonly<Record<string, Driver>>,
): DesiredState {
  const keysOf = keysByService(registry);
  const placements = registry.placements.map((spec): Placement => {
    const gathered = inputs.gathered.get(spec.key) ?? nothing;
    const fields = fieldsOf(spec, gathered.source, drivers[spec.type]?.fields(spec) ?? {});
    const blocked = blockedBy(spec, gathered);
    const placement = {
      key: spec.key,
      spec,
      source: gathered.source,
      texts: gathered.texts,
      fields,
      fingerprint: fingerprintOf(fields),
      dependsOn: keysOfAll(spec.dependsOn, keysOf),
    };
    return blocked === undefined ? placement : { ...placement, blocked };
  });
  return {
    commit: inputs.commit,
    cluster: registry.cluster,
    rootCommit: inputs.rootCommit,
    machines: registry.machines,
    placements,
    policy: registry.policy,
    ...optional('notify', registry.notify),
  };
}
