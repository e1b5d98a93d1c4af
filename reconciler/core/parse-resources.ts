// `resources` as written → limits in bytes and processors.
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { ServiceText } from '../../schema/registry.js';
import { optional } from './optional.js';
import type { Layered } from './parse-entry.js';
import type { Report } from './parse-report.js';
import { sizeBytes } from './sizes.js';

interface ResourceReading {
  readonly text: Partial<ServiceText>;
  readonly layered: Layered;
  readonly report: Report;
}

/** Docker refuses less (https://docs.docker.com/engine/containers/resource_constraints/). */
const leastMemory = 6 * 1024 * 1024;

export function readResources({ text, layered, report }: ResourceReading): ServiceSpec['resources'] {
  const { memory, cpus, disk } = text.resources ?? {};
  const memoryBytes = memory === undefined ? undefined : sizeBytes(memory);
  if (memoryBytes !== undefined && memoryBytes < leastMemory) {
    const message = `${memoryBytes} bytes of memory are too few for any process`;
    report.at(layered.locate, [...layered.base, 'resources', 'memory'], 'invalid-value', message, {
      expected: 'at least 6M',
      hint: `did you mean ${String(memory)}M?`,
    });
  }
  if (disk !== undefined) {
    const message = 'the budget of disk space is noted, but not measured yet';
    report.at(layered.locate, [...layered.base, 'resources', 'disk'], 'not-supported-yet', message, {
      severity: 'warning',
      where: 'key',
    });
  }
  return {
    ...optional('memoryBytes', memoryBytes),
    ...optional('cpus', cpus === undefined ? undefined : Number(cpus)),
    ...optional('diskBytes', disk === undefined ? undefined : sizeBytes(disk)),
  };
}
