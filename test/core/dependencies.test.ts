// Services as a graph: the order of starting, and what hangs on one of them.
import { describe, expect, it } from 'vitest';
import { dependantsOf, serviceGraph, startOrder } from '../../reconciler/core/dependencies.js';
import type { PlacementKey, Registry } from '../../schema/registry-types.js';
import { aSpec, someHealth } from '../fakes/specs.js';

function registry(lines: readonly string[]): Registry {
  const placements = lines.map(line => {
    const [key = '', needs = ''] = line.split(' <- ');
    return aSpec(key as PlacementKey, someHealth([]), { dependsOn: needs.split(' ').filter(Boolean) });
  });
  const { policy } = aSpec('x@y', someHealth([]));
  return { cluster: 'c', domain: 'internal', machines: [], placements, groups: {}, policy };
}

const graph = serviceGraph(
  registry(['db@m1', 'cache@m2', 'api@m1 <- db cache', 'api@m2 <- db cache', 'web@m1 <- api', 'admin@m1 <- api db']),
);

describe('the graph', () => {
  it('has each service once, with its machines and both directions', () => {
    expect(graph.map(one => one.service)).toEqual(['admin', 'api', 'cache', 'db', 'web']);
    expect(graph.find(one => one.service === 'api')).toEqual({
      service: 'api',
      machines: ['m1', 'm2'],
      dependsOn: ['cache', 'db'],
      dependants: ['admin', 'web'],
    });
  });

  it('starts what is needed first', () => {
    expect(startOrder(graph)).toEqual([['cache', 'db'], ['api'], ['admin', 'web']]);
    expect(startOrder([])).toEqual([]);
  });

  it('names all dependants by their shortest way', () => {
    expect(dependantsOf(graph, 'db')).toEqual([
      { service: 'admin', machines: ['m1'], through: [] },
      { service: 'api', machines: ['m1', 'm2'], through: [] },
      { service: 'web', machines: ['m1'], through: ['api'] },
    ]);
    expect(dependantsOf(graph, 'cache').map(one => `${one.service} ${one.through.join('>')}`)).toEqual([
      'api ',
      'admin api',
      'web api',
    ]);
    expect(dependantsOf(graph, 'web')).toEqual([]);
  });
});
