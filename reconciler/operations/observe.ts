// What is seen of a service now: machine, runner, health, ports with owners, resources, the end of its log.
import type { MachineFacts, Sighting } from '../../schema/state.js';
import type { MachineStatus, PlacementStatus } from '../../schema/status.js';
import { asAppError } from '../../schema/errors.js';
import { type PortSeen, portsSeen } from '../core/ports-seen.js';
import { machineStatuses, placementStatuses, type StatusParts } from '../core/status.js';
import { preview } from '../loop/preview.js';
import { seenPlacement, tail } from '../loop/tail.js';
import { needPlacements, needRegistry } from './parts/names.js';
import type { Context, Operation } from './operation.js';
import { object, text } from './parts/shape.js';

export interface Observed {
  readonly status: PlacementStatus;
  readonly machine: MachineStatus;
  readonly user: string;
  readonly path: string;
  readonly type: string;
  readonly sighting?: Pick<Sighting & { state: 'present' }, 'run' | 'settings' | 'pids' | 'images' | 'detail'>;
  readonly ports: readonly PortSeen[];
  readonly resources?: Pick<MachineFacts, 'load1' | 'cpus' | 'memoryTotalBytes' | 'memoryFreeBytes' | 'fileSystems'>;
  /** The end of its log, or why it cannot be read. */
  readonly log: string;
}

export interface Observation {
  readonly service: string;
  readonly at: number;
  /** Everything is synced and healthy. */
  readonly well: boolean;
  readonly placements: readonly Observed[];
}

const input = object({ service: text('Name of the service, or service@machine') }, ['service']);

const logLines = 20;

async function logOf(context: Context, parts: StatusParts, key: string): Promise<string> {
  const placement = parts.desired.placements.find(one => one.key === key);
  if (placement === undefined) return '';
  try {
    const seen = seenPlacement(placement.spec, parts.desired, parts.live);
    return await tail({ ...context, emit: () => undefined }, seen, { follow: false, lines: logLines });
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'internal') throw thrown;
    return `(${error.message})`;
  }
}

async function observeOne(
  context: Context,
  parts: StatusParts,
  status: PlacementStatus,
): Promise<Observed | undefined> {
  const placement = parts.desired.placements.find(one => one.key === status.key);
  const machine = machineStatuses(parts).find(one => one.machine === status.machine);
  if (placement === undefined || machine === undefined) return undefined;
  const sighting = parts.live.sightings[status.key];
  const facts = machine.facts;
  return {
    status,
    machine,
    user: placement.spec.user ?? parts.desired.machines.find(one => one.name === status.machine)?.user ?? '',
    path: placement.spec.path,
    type: placement.spec.type,
    ...(sighting?.state === 'present' ? { sighting: shown(sighting) } : {}),
    ports: portsSeen(placement, parts.live),
    ...(facts === undefined ? {} : { resources: resourcesOf(facts) }),
    log: await logOf(context, parts, status.key),
  };
}

/** What else is known of a machine is answered by `machine show`. */
function resourcesOf(facts: MachineFacts): NonNullable<Observed['resources']> {
  const { load1, cpus, memoryTotalBytes, memoryFreeBytes, fileSystems } = facts;
  return { load1, cpus, memoryTotalBytes, memoryFreeBytes, fileSystems };
}

function shown({
  run,
  settings,
  pids,
  images,
  detail,
}: Sighting & { state: 'present' }): NonNullable<Observed['sighting']> {
  return { run, settings, pids, images, ...(detail === undefined ? {} : { detail }) };
}

export const observe: Operation<typeof input, Observation> = {
  name: 'observe',
  summary: 'What is seen of a service now',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async (context, { service }) => {
    const { ports, lists } = context;
    const from = ports.source.git === undefined ? 'files' : 'commit';
    const { synced, desired, live, plan, verdicts } = await preview(ports, lists, { from, check: true });
    const keys = new Set<string>(needPlacements(needRegistry(synced), service).map(one => one.key));
    if (desired === undefined || live === undefined || plan === undefined)
      throw new TypeError('a preview of a valid registry has a plan');
    const parts = { desired, live, plan, verdicts: verdicts ?? new Map() };
    const statuses = placementStatuses(parts).filter(one => keys.has(one.key));
    const placements = (await Promise.all(statuses.map(one => observeOne(context, parts, one)))).flatMap(
      one => one ?? [],
    );
    const well = placements.every(
      ({ status }) => status.sync === 'synced' && ['healthy', 'suspended'].includes(status.health),
    );
    return { service: service.split('@')[0] ?? service, at: live.takenAt, well, placements };
  },
};
