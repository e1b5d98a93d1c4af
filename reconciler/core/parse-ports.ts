// The host ports that a placement claims, each with the place where it was written.
import type { ServiceText } from '../../schema/registry.js';
import type { Path } from '../../schema/validate.js';
import { listed } from './optional.js';
import type { Layered } from './parse-entry.js';
import type { Report } from './parse-report.js';
import type { PlacementDraft } from './parse-settle.js';

export interface ClaimedPort {
  readonly port: number;
  /** From the service's entry. */
  readonly path: Path;
  /** Published from this port of the container. */
  readonly container?: number;
}

/** In the order of writing: `port`, `ports`, mappings. */
export type ClaimedPorts = readonly ClaimedPort[];

interface PortReading {
  readonly draft: PlacementDraft;
  readonly text: Partial<ServiceText>;
  readonly layered: Layered;
  readonly report: Report;
}

export function readPorts(reading: PortReading): ClaimedPorts {
  const { draft, text } = reading;
  const own = typeof text.port === 'number' ? [{ port: text.port, path: ['port'] }] : [];
  const further = (text.ports ?? []).map((port, index) => ({ port, path: ['ports', index] }));
  const mapped = readMappings(text, draft);
  checkTwice(mapped, reading);
  return [...own, ...further, ...mapped];
}

/** The first `auto` mapping publishes the service's own auto port. */
function readMappings(text: Partial<ServiceText>, draft: PlacementDraft): ClaimedPorts {
  const isList = Array.isArray(text.port_mapping);
  let autos = 0;
  return listed(text.port_mapping).flatMap(({ host, container }, index) => {
    const port = host === 'auto' ? draft.autoPorts[autos++] : host;
    return port === undefined
      ? []
      : [{ port, container, path: isList ? ['port_mapping', index, 'host'] : ['port_mapping', 'host'] }];
  });
}

function checkTwice(mapped: ClaimedPorts, { layered, report }: PortReading): void {
  const first = new Map<number, ClaimedPort>();
  for (const one of mapped) {
    const other = first.get(one.port);
    first.set(one.port, other ?? one);
    if (other === undefined || other.container === one.container) continue;
    const related = [{ ...layered.locate([...layered.base, ...other.path], 'value'), message: 'the other one' }];
    report.at(
      layered.locate,
      [...layered.base, ...one.path],
      'port-conflict',
      `port ${one.port} is published from two ports of the containers`,
      { related },
    );
  }
}
