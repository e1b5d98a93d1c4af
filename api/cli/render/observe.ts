// What is seen of a service now, placement by placement.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Paint } from '../paint.js';
import { age } from './status.js';

type Observation = OutputOf<'observe'>;
type Observed = Observation['placements'][number];

const mib = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

function portText(one: Observed['ports'][number]): string {
  const who = one.process === undefined ? '' : ` ${one.process}`;
  const pid = one.pid === undefined ? '' : ` (pid ${one.pid})`;
  switch (one.owner) {
    case 'nobody':
      return `${one.port} nobody listens`;
    case 'ours':
    case 'unknown':
      return `${one.port} ${one.address ?? ''}${who}${pid}${one.owner === 'unknown' ? ' (the machine does not tell who)' : ''}`;
    case 'other':
      return `${one.port} not ours:${who}${pid}`;
    default:
      return one.owner satisfies never;
  }
}

function resourcesText(resources: NonNullable<Observed['resources']>, path: string): string {
  const disk = resources.fileSystems
    .filter(one => one.mount === '/' || path === one.mount || path.startsWith(`${one.mount}/`))
    .toSorted((a, b) => b.mount.length - a.mount.length)[0];
  const memory = `${mib(resources.memoryFreeBytes)} of ${mib(resources.memoryTotalBytes)} memory free`;
  const free = disk === undefined ? '' : `, ${mib(disk.freeBytes)} free on ${disk.mount}`;
  return `load ${resources.load1} on ${resources.cpus} CPUs, ${memory}${free}`;
}

function observedText(one: Observed, at: number, paint: Paint): string {
  const { status, machine, sighting } = one;
  const rows: readonly (readonly [string, string | undefined])[] = [
    [
      'machine',
      `${machine.machine} (${machine.host}) ${machine.state}${machine.why === undefined ? '' : `: ${machine.why}`}`,
    ],
    ['place', `${one.type} at ${one.path} as ${one.user}`],
    ['sync', `${status.sync}${status.why === undefined ? '' : `: ${status.why}`}`],
    ['health', `${status.health.replace('-', ' ')}${status.found === undefined ? '' : `: ${status.found}`}`],
    ['runs', runText(status, sighting, at)],
    ['ports', one.ports.length === 0 ? undefined : one.ports.map(portText).join('; ')],
    [
      'images',
      sighting === undefined
        ? undefined
        : Object.entries(sighting.images)
            .map(([inner, id]) => `${inner} ${id}`)
            .join('; ') || undefined,
    ],
    ['machine has', one.resources === undefined ? undefined : resourcesText(one.resources, one.path)],
  ];
  const lines = rows.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(12)}${text}`]));
  const log =
    one.log.trimEnd() === ''
      ? ['  (its log is empty)']
      : one.log
          .trimEnd()
          .split('\n')
          .map(line => paint.faint(`  | ${line}`));
  return [paint.strong(status.key), ...lines, ...log].join('\n');
}

function runText(status: Observed['status'], sighting: Observed['sighting'], at: number): string {
  if (sighting === undefined) return 'not seen';
  const since = status.startedAt === undefined ? '' : ` for ${age(at / 1000 - status.startedAt)}`;
  const pids = sighting.pids.length === 0 ? '' : ` (pid ${sighting.pids.join(', ')})`;
  return `${sighting.run}${since}${pids}${sighting.detail === undefined ? '' : `: ${sighting.detail}`}`;
}

export function observationText(observation: Observation, paint: Paint): string {
  return observation.placements.map(one => observedText(one, observation.at, paint)).join('\n\n');
}
