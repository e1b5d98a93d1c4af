// What `/metrics` tells Prometheus: every name with its type, unit, labels and meaning. Names are a promise: added, never renamed.

export type MeasureType = 'gauge' | 'counter' | 'histogram';

interface MeasureFamily {
  readonly type: MeasureType;
  readonly help: string;
  readonly labels: readonly string[];
}

const machine = ['machine'] as const;
const placement = ['service', 'machine'] as const;
const family = <T extends MeasureType, L extends readonly string[]>(type: T, labels: L, help: string) => ({
  type,
  labels,
  help,
});

/** By https://prometheus.io/docs/practices/naming/: base units, `_total` for counters and for nothing else. */
export const measureFamilies = {
  portoser_build_info: family('gauge', ['version'], '1; its label is the version that runs.'),
  portoser_controller_start_time_seconds: family('gauge', [], 'When the controller began, in seconds since 1970.'),
  portoser_passes_total: family(
    'counter',
    ['result'],
    'Passes since the controller began, by what came of them: settled, again (something failed and is tried again), stalled (waits for a person or a time).',
  ),
  portoser_pass_duration_seconds: family('histogram', [], 'How long passes took, from their trigger to their end.'),
  portoser_last_pass_timestamp_seconds: family('gauge', [], 'When the last pass ended, in seconds since 1970.'),
  portoser_changes_total: family(
    'counter',
    ['reason', 'result'],
    'Changes made, by why (missing, stopped, changed, drifted, unhealthy, moved, orphaned) and how they ended (applied, failed).',
  ),
  portoser_commit_info: family('gauge', ['commit'], '1; its label is the commit that the last pass went by.'),
  portoser_git_up: family('gauge', [], '1: the last look at the repository succeeded; 0: it did not.'),
  portoser_git_last_check_timestamp_seconds: family(
    'gauge',
    [],
    'When the repository was last looked at, in seconds since 1970.',
  ),
  portoser_history_up: family('gauge', [], '1: history is kept; 0: its database is away, or there is none.'),
  portoser_history_waiting_records: family('gauge', [], 'Records of history that wait for their database.'),
  portoser_replicas_up: family(
    'gauge',
    [],
    '1: what happens is shared through Redis; 0: it is away. Absent where no Redis is configured.',
  ),
  portoser_drift: family(
    'gauge',
    [],
    'Placements that somebody changed by hand, and that are left so or wait, as of the last pass.',
  ),
  portoser_held: family(
    'gauge',
    ['by'],
    'Changes that do not go on, by what they wait for: approval, observe, window, backoff, quarantine (a revision that failed).',
  ),
  portoser_machine_reachable: family('gauge', machine, '1: the machine answered the last pass; 0: it did not.'),
  portoser_machine_cpu_ratio: family(
    'gauge',
    machine,
    'Part of all processors that was busy between the last two looks, 0 to 1.',
  ),
  portoser_machine_cpus: family('gauge', machine, 'Processors of the machine.'),
  portoser_machine_load1: family('gauge', machine, 'Load average over one minute.'),
  portoser_machine_memory_used_bytes: family('gauge', machine, 'Memory that is not available to programs.'),
  portoser_machine_memory_size_bytes: family('gauge', machine, 'Memory of the machine.'),
  portoser_machine_temperature_celsius: family('gauge', machine, 'Temperature of the first thermal zone.'),
  portoser_machine_uptime_seconds: family('gauge', machine, 'Time since the machine was booted.'),
  portoser_machine_filesystem_used_bytes: family('gauge', ['machine', 'mountpoint'], 'Used of a file system.'),
  portoser_machine_filesystem_size_bytes: family('gauge', ['machine', 'mountpoint'], 'Size of a file system.'),
  portoser_machine_filesystem_inodes_used_ratio: family(
    'gauge',
    ['machine', 'mountpoint'],
    'Part of the inodes of a file system that is used, 0 to 1.',
  ),
  portoser_machine_network_received_bytes_total: family(
    'counter',
    ['machine', 'device'],
    'Received by a network interface since the machine was booted.',
  ),
  portoser_machine_network_sent_bytes_total: family(
    'counter',
    ['machine', 'device'],
    'Sent by a network interface since the machine was booted.',
  ),
  portoser_placement_healthy: family(
    'gauge',
    placement,
    '1: healthy; 0: unhealthy. Absent while it is starting, suspended or unknown.',
  ),
  portoser_placement_health: family(
    'gauge',
    ['service', 'machine', 'state'],
    '1 for the state of health that it is in, 0 for the others: healthy, unhealthy, starting, unknown, suspended.',
  ),
  portoser_placement_synced: family(
    'gauge',
    placement,
    '1: what git says runs there, as of the last pass; 0: something differs.',
  ),
  portoser_placement_cpu_cores: family('gauge', placement, 'Processors that it kept busy between the last two looks.'),
  portoser_placement_memory_bytes: family(
    'gauge',
    placement,
    'Memory that it uses, without idle page cache where that is known.',
  ),
  portoser_placement_restarts_total: family(
    'counter',
    placement,
    'Restarts by its own manager (Docker, systemd, launchd) since it was made or loaded.',
  ),
  portoser_placement_uptime_seconds: family('gauge', placement, 'Time since it was started.'),
  process_cpu_seconds_total: family('counter', [], 'Processor time that the controller used.'),
  process_resident_memory_bytes: family('gauge', [], 'Memory that the controller uses.'),
  process_start_time_seconds: family('gauge', [], 'When the process of the controller began, in seconds since 1970.'),
} as const satisfies Readonly<Record<string, MeasureFamily>>;

export type MeasureName = keyof typeof measureFamilies;

/** Labels in the order of their family. */
export interface Measure {
  readonly name: MeasureName;
  readonly labels: readonly string[];
  readonly value: number | Histogram;
}

/** How many were at most so large, by upper bound in ascending order; all of them, and their sum. */
export interface Histogram {
  readonly buckets: readonly (readonly [upTo: number, count: number])[];
  readonly count: number;
  readonly sum: number;
}
