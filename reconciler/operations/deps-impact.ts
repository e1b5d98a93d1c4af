// What hangs on a service: all dependants, and where data is at risk.
import { type Dependant, dependantsOf, serviceGraph } from '../core/dependencies.js';
import { needPlacements, needRegistry } from './parts/names.js';
import type { Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { object, text } from './parts/shape.js';

export interface Impact {
  readonly service: string;
  readonly machines: readonly string[];
  /** Nearest first. They are not restarted with it: they are without it while it is away. */
  readonly dependants: readonly Dependant[];
  /** It, and those of the dependants, that hold data (`stateful`). */
  readonly stateful: readonly string[];
  readonly critical: readonly string[];
}

const input = object({ service: text('Name of the service') }, ['service']);

export const depsImpact: Operation<typeof input, Impact> = {
  name: 'deps.impact',
  summary: 'What hangs on a service',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { service }) => {
    const registry = needRegistry(await lying(context));
    const machines = needPlacements(registry, service).map(one => one.machine);
    const dependants = dependantsOf(serviceGraph(registry), service);
    const touched = new Set([service, ...dependants.map(one => one.service)]);
    const those = (is: 'stateful' | 'critical'): readonly string[] => [
      ...new Set(registry.placements.filter(one => one[is] && touched.has(one.service)).map(one => one.service)),
    ];
    return { service, machines, dependants, stateful: those('stateful'), critical: those('critical') };
  },
};
