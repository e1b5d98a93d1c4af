// What a controller knows of itself and its fleet at this moment, as measures: nobody is asked for it, neither machines nor the store.
import { heldOf } from '../../schema/holds.js';
import { type Measure, type MeasureName, measureFamilies } from '../../schema/measures.js';
import type { ReplicasState } from '../../schema/replicas.js';
import type { Measurement } from '../../schema/samples.js';
import type { HealthState, MachineFacts } from '../../schema/state.js';
import type { ControllerStatus } from '../../schema/status.js';
import type { HealthRecord } from '../core/health.js';
import { optional } from '../core/optional.js';
import { measuredInterfaces } from '../core/samples.js';
import type { Ports } from '../ports.js';
import type { GitWatch } from './git-watch.js';
import type { Monitor } from './monitor.js';
import type { Considered } from './preview.js';
import type { Sampler } from './sample.js';
import type { Counts, Tally } from './tally.js';

export interface ControllerLive {
  readonly since: number;
  readonly git: ControllerStatus['git'];
  readonly history: NonNullable<ControllerStatus['history']>;
  /** Absent: no Redis is configured. */
  readonly replicas?: ReplicasState;
  readonly counts: Counts;
  /** Of the last pass that came so far. */
  readonly considered?: Considered;
  /** By placement key. */
  readonly health: ReadonlyMap<string, HealthRecord>;
  /** By machine; those alone that answered the last pass. */
  readonly measured: ReadonlyMap<string, Measurement>;
}

/** As a turn keeps them. */
export interface LiveParts {
  readonly context: { readonly ports: Pick<Ports, 'store' | 'replicas'> };
  readonly since: number;
  readonly git: Pick<GitWatch, 'status'> | undefined;
  readonly tally: Pick<Tally, 'read'>;
  readonly monitor: Pick<Monitor, 'status'>;
  readonly sample: Pick<Sampler, 'newest'>;
  readonly considered?: Considered;
}

export const gitStatus = (git: LiveParts['git']): ControllerStatus['git'] =>
  git?.status() ?? { result: 'no repository' };

export function liveOf(parts: LiveParts): ControllerLive {
  const { since, git, tally, monitor, sample, considered, context } = parts;
  return {
    since,
    git: gitStatus(git),
    history: context.ports.store.state(),
    ...optional('replicas', context.ports.replicas?.state()),
    counts: tally.read(),
    health: monitor.status(),
    measured: sample.newest(),
    ...(considered === undefined ? {} : { considered }),
  };
}

type Values = readonly Measure[];

const measure = (name: MeasureName, value: Measure['value'], ...labels: readonly string[]): Measure => ({
  name,
  labels,
  value,
});
const maybe = (name: MeasureName, value: number | undefined, ...labels: readonly string[]): Values =>
  value === undefined ? [] : [measure(name, value, ...labels)];
const yes = (condition: boolean): number => (condition ? 1 : 0);
const seconds = (ms: number): number => ms / 1000;
const partsOf = (key: string): readonly [string, string] => {
  const at = key.indexOf('@');
  return [key.slice(0, at), key.slice(at + 1)];
};

function ofController({ since, git, history, replicas, counts }: ControllerLive): Values {
  const { passes, durations, changes, last } = counts;
  return [
    measure('portoser_controller_start_time_seconds', seconds(since)),
    ...Object.entries(passes).map(([result, count]) => measure('portoser_passes_total', count, result)),
    measure('portoser_pass_duration_seconds', durations),
    ...maybe('portoser_last_pass_timestamp_seconds', last && seconds(last.endedAt)),
    ...changes.map(({ reason, result, count }) => measure('portoser_changes_total', count, reason, result)),
    ...(last?.commit === undefined ? [] : [measure('portoser_commit_info', 1, last.commit)]),
    ...(git.checkedAt === undefined ? [] : [measure('portoser_git_up', yes(git.result === 'ok'))]),
    ...maybe('portoser_git_last_check_timestamp_seconds', git.checkedAt && seconds(git.checkedAt)),
    measure('portoser_history_up', yes(history.state === 'kept')),
    measure('portoser_history_waiting_records', history.state === 'away' ? history.waiting : 0),
    ...(replicas === undefined || replicas.state === 'alone'
      ? []
      : [measure('portoser_replicas_up', yes(replicas.state === 'shared'))]),
  ];
}

/** Keys of what was to be changed and was not. */
function openChanges({ plan }: Considered, { last }: Counts): ReadonlySet<string> {
  const applied = new Set(last?.outcomes.flatMap(one => (one.result === 'applied' ? [one.key] : [])));
  const waits = (plan.waiting ?? []).flatMap(part => part.changes);
  return new Set([...plan.waves.flat(), ...waits].flatMap(one => (applied.has(one.key) ? [] : [one.key])));
}

function ofPlan(considered: Considered, counts: Counts): Values {
  const { plan, desired, live } = considered;
  const open = openChanges(considered, counts);
  const changes = [...plan.waves.flat(), ...(plan.waiting ?? []).flatMap(part => part.changes)];
  const left = plan.leftAlone.filter(one => one.state === 'drifted');
  const drifted = changes.filter(one => one.reason === 'drifted' && open.has(one.key));
  const held = { approval: 0, observe: 0, window: 0, backoff: 0, quarantine: 0 };
  for (const one of heldOf(plan))
    held[one.by ?? 'approval'] += plan.held === undefined ? changesOf(plan, one.id) : changes.length;
  held.quarantine = plan.leftAlone.filter(one => one.state === 'held').length;
  const alone = new Map(plan.leftAlone.map(one => [one.key, one.state]));
  const synced = desired.placements.flatMap(({ key, spec }): Values => {
    const state = alone.get(key);
    if (live.sightings[key]?.state === 'unknown' || state === 'unknown') return [];
    const fine = !open.has(key) && (state === undefined || state === 'suspended' || state === 'kept');
    return [measure('portoser_placement_synced', yes(fine), spec.service, spec.machine)];
  });
  return [
    measure('portoser_drift', new Set([...left, ...drifted].map(one => one.key)).size),
    ...Object.entries(held).map(([by, count]) => measure('portoser_held', count, by)),
    ...synced,
  ];
}

const changesOf = (plan: Considered['plan'], id: string): number =>
  plan.waiting?.find(one => one.id === id)?.changes.length ?? 0;

const states: readonly HealthState[] = ['healthy', 'unhealthy', 'starting', 'unknown', 'suspended'];

function ofHealth(key: string, { state }: HealthRecord): Values {
  const at = partsOf(key);
  return [
    ...(state === 'healthy' || state === 'unhealthy'
      ? [measure('portoser_placement_healthy', yes(state === 'healthy'), ...at)]
      : []),
    ...states.map(one => measure('portoser_placement_health', yes(one === state), ...at, one)),
  ];
}

/** Names of samples (schema/samples.ts), up to their colon. */
const named: Readonly<Record<string, MeasureName>> = {
  cpu_ratio: 'portoser_machine_cpu_ratio',
  cpus: 'portoser_machine_cpus',
  load1: 'portoser_machine_load1',
  memory_used_bytes: 'portoser_machine_memory_used_bytes',
  memory_total_bytes: 'portoser_machine_memory_size_bytes',
  temperature_celsius: 'portoser_machine_temperature_celsius',
  uptime_seconds: 'portoser_machine_uptime_seconds',
  disk_used_bytes: 'portoser_machine_filesystem_used_bytes',
  disk_total_bytes: 'portoser_machine_filesystem_size_bytes',
  inodes_used_ratio: 'portoser_machine_filesystem_inodes_used_ratio',
  service_cpu_cores: 'portoser_placement_cpu_cores',
  service_memory_bytes: 'portoser_placement_memory_bytes',
  service_restarts: 'portoser_placement_restarts_total',
  service_uptime_seconds: 'portoser_placement_uptime_seconds',
};

function ofSample(machine: string, sample: string, value: number): Values {
  const [, kind = '', of] = /^([^:]*)(?::(.*))?$/s.exec(sample) ?? [];
  const name = named[kind];
  if (name === undefined) return [];
  if (of === undefined) return [measure(name, value, machine)];
  const first = measureFamilies[name].labels[0];
  return [first === 'service' ? measure(name, value, of, machine) : measure(name, value, machine, of)];
}

/** Counters as the machine has them: whoever asks makes rates of these himself. */
const ofNetwork = (machine: string, facts: MachineFacts): Values =>
  measuredInterfaces(facts).flatMap(device => {
    const { receivedBytes = 0, sentBytes = 0 } = facts.network[device] ?? {};
    return [
      measure('portoser_machine_network_received_bytes_total', receivedBytes, machine, device),
      measure('portoser_machine_network_sent_bytes_total', sentBytes, machine, device),
    ];
  });

function ofMachines({ desired, live }: Considered, measured: ControllerLive['measured']): Values {
  return desired.machines.flatMap(({ name }) => {
    const view = live.machines[name];
    const samples = Object.entries(measured.get(name)?.values ?? {});
    return [
      measure('portoser_machine_reachable', yes(view?.state === 'reachable'), name),
      ...samples.flatMap(([sample, value]) => ofSample(name, sample, value)),
      ...(view?.state === 'reachable' ? ofNetwork(name, view.facts) : []),
    ];
  });
}

/** Each name and set of labels once; names stand together. */
export function measuresOf(live: ControllerLive): Values {
  const { considered, counts, health, measured } = live;
  const all = [
    ...ofController(live),
    ...(considered === undefined ? [] : [...ofPlan(considered, counts), ...ofMachines(considered, measured)]),
    ...[...health].flatMap(([key, record]) => ofHealth(key, record)),
  ];
  const order = new Map(Object.keys(measureFamilies).map((name, index) => [name, index]));
  return all.toSorted((one, other) => (order.get(one.name) ?? 0) - (order.get(other.name) ?? 0));
}
