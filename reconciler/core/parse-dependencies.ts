// `depends_on`: every name is known, and nothing waits for itself.
import { didYouMean } from '../../schema/closest.js';
import { findCycles } from './cycles.js';
import { listed } from './optional.js';
import type { Report } from './parse-report.js';
import type { PlacedSpec } from './parse-spec.js';

export function checkDependencies(placements: readonly PlacedSpec[], names: readonly string[], report: Report): void {
  const known = new Set(names);
  const edges = new Map<string, readonly string[]>();
  for (const { spec, layered } of placements) {
    for (const dependency of spec.dependsOn) {
      if (known.has(dependency)) continue;
      const path = [...layered.base, 'depends_on', ...indexOf(layered.value['depends_on'], dependency)];
      report.at(layered.locate, path, 'unknown-service', `there is no service \`${dependency}\``, {
        hint: didYouMean(dependency, names),
      });
    }
    edges.set(spec.service, [...new Set([...(edges.get(spec.service) ?? []), ...spec.dependsOn])]);
  }
  for (const cycle of findCycles(edges)) reportCycle(cycle, placements, report);
}

function indexOf(written: unknown, name: string): readonly number[] {
  const index = Array.isArray(written) ? listed(written).indexOf(name) : -1;
  return index < 0 ? [] : [index];
}

function reportCycle(cycle: readonly string[], placements: readonly PlacedSpec[], report: Report): void {
  const on = (name: string | undefined): PlacedSpec | undefined => placements.find(({ spec }) => spec.service === name);
  const first = on(cycle[0]);
  if (first === undefined) return;
  const place = (one: PlacedSpec) => one.layered.locate([...one.layered.base, 'depends_on'], 'key');
  const related = cycle.slice(1, -1).flatMap((name, index) => {
    const one = on(name);
    return one === undefined
      ? []
      : [{ ...place(one), message: `\`${name}\` depends on \`${cycle[index + 2] ?? ''}\`` }];
  });
  const { layered } = first;
  report.at(
    layered.locate,
    [...layered.base, 'depends_on'],
    'circular-dependency',
    `services wait for each other: ${cycle.join(' → ')}`,
    {
      where: 'key',
      hint: 'take one of the dependencies away',
      related,
    },
  );
}
