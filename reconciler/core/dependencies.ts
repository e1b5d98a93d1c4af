// Who needs whom: services as a graph, the order of starting, and what hangs on one of them.
import type { Registry } from '../../schema/registry-types.js';

export interface ServiceNode {
  readonly service: string;
  readonly machines: readonly string[];
  readonly dependsOn: readonly string[];
  /** Services that name it in `depends_on`. */
  readonly dependants: readonly string[];
}

/** Sorted by name. */
export function serviceGraph(registry: Registry): readonly ServiceNode[] {
  const names = [...new Set(registry.placements.map(one => one.service))].sort();
  const needs = (name: string): readonly string[] =>
    [...new Set(registry.placements.filter(one => one.service === name).flatMap(one => one.dependsOn))].sort();
  return names.map(service => ({
    service,
    machines: registry.placements.filter(one => one.service === service).map(one => one.machine),
    dependsOn: needs(service),
    dependants: names.filter(other => needs(other).includes(service)),
  }));
}

/** Services by wave: each stands in a later wave than all that it depends on. The graph has no cycles; the registry refuses them. */
export function startOrder(graph: readonly ServiceNode[]): readonly (readonly string[])[] {
  const waves: string[][] = [];
  const done = new Set<string>();
  while (done.size < graph.length) {
    const ready = graph
      .filter(one => !done.has(one.service) && one.dependsOn.every(name => done.has(name)))
      .map(one => one.service);
    if (ready.length === 0) return waves;
    for (const name of ready) done.add(name);
    waves.push(ready);
  }
  return waves;
}

export interface Dependant {
  readonly service: string;
  readonly machines: readonly string[];
  /** The services between, nearest to the asked one first. */
  readonly through: readonly string[];
}

/** All that depends on the service, directly or through others; nearest first, each by its shortest way. */
export function dependantsOf(graph: readonly ServiceNode[], service: string): readonly Dependant[] {
  const byName = new Map(graph.map(one => [one.service, one]));
  const found = new Map<string, Dependant>();
  let edge: readonly { readonly service: string; readonly through: readonly string[] }[] = [{ service, through: [] }];
  while (edge.length > 0) {
    edge = edge.flatMap(({ service: from, through }) => {
      const way = from === service ? [] : [...through, from];
      const next = (byName.get(from)?.dependants ?? []).filter(name => name !== service && !found.has(name));
      for (const name of next)
        found.set(name, { service: name, machines: byName.get(name)?.machines ?? [], through: way });
      return next.map(name => ({ service: name, through: way }));
    });
  }
  return [...found.values()];
}
