// What a look at a machine measured, as numbers by name; what counters tell comes from two looks.
import type { FileSystemUse, MachineFacts, Sighting, UsageSeen } from '../../schema/state.js';

export interface ServiceSighted {
  readonly service: string;
  readonly sighting: Sighting | undefined;
  /** At the look before. */
  readonly before?: UsageSeen | undefined;
}

type Values = Readonly<Record<string, number>>;

/** So many of a kind are measured: names come and go on a machine, and each is kept for a year. */
const mostOfAKind = 32;
/** Both ends of a container's cable, bridges and tunnels: what they carry is counted at a real interface, or stays on the machine. */
const madeUp = /^(veth|br-|docker|virbr|vnet|tap|cni|cali|flannel|lxc|ifb|dummy|podman)/;
/** Images that are mounted read-only, and what engines mount for each container. */
const notOurs = /^\/(snap|var\/lib\/(docker|containerd|containers|kubelet))\//;
/** Nothing that a machine counts is larger; what says so is broken, and would spoil sums. */
const largest = 1e18;

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function ofMemory({ memoryTotalBytes, memoryFreeBytes }: MachineFacts): Values {
  if (memoryTotalBytes <= 0) return {};
  return {
    memory_total_bytes: memoryTotalBytes,
    memory_used_bytes: Math.max(0, memoryTotalBytes - memoryFreeBytes),
  };
}

function ofFileSystem({ mount, totalBytes, freeBytes, inodesFreePercent }: FileSystemUse): Values {
  return {
    [`disk_total_bytes:${mount}`]: totalBytes,
    [`disk_used_bytes:${mount}`]: Math.max(0, totalBytes - freeBytes),
    ...(inodesFreePercent === undefined
      ? {}
      : { [`inodes_used_ratio:${mount}`]: round(1 - inodesFreePercent / 100, 2) }),
  };
}

function ofFileSystems({ fileSystems }: MachineFacts): Values {
  const own = fileSystems.filter(one => one.totalBytes > 0 && !notOurs.test(one.mount));
  const chosen = own.toSorted((one, other) => other.totalBytes - one.totalBytes).slice(0, mostOfAKind);
  return Object.assign({}, ...chosen.map(ofFileSystem)) as Values;
}

/** undefined: its counters began anew in between, or too little time has passed to tell. */
function elapsedSeconds(facts: MachineFacts, before: MachineFacts | undefined): number | undefined {
  if (before === undefined || before.bootId !== facts.bootId) return undefined;
  // By the machine's own time since boot: no clock that is set, and no slow connection, changes it.
  const seconds = facts.uptimeSeconds - before.uptimeSeconds;
  return seconds > 0 ? seconds : undefined;
}

function ofCpu({ cpuTicks: now }: MachineFacts, before: MachineFacts): Values {
  const then = before.cpuTicks;
  if (now === undefined || then === undefined) return {};
  const busy = now.busy - then.busy;
  const total = now.total - then.total;
  // The kernel may take back a little of idle and iowait (proc_stat(5)), so that the rest seems larger than the whole.
  return busy < 0 || total <= 0 ? {} : { cpu_ratio: round(Math.min(1, busy / total), 4) };
}

export function measuredInterfaces({ network }: MachineFacts): readonly string[] {
  const names = Object.keys(network).filter(name => !madeUp.test(name));
  return names.toSorted().slice(0, mostOfAKind);
}

function ofNetwork(facts: MachineFacts, before: MachineFacts, seconds: number): Values {
  const rates = measuredInterfaces(facts).flatMap(name => {
    const [now, then] = [facts.network[name], before.network[name]];
    if (now === undefined || then === undefined) return [];
    const [received, sent] = [now.receivedBytes - then.receivedBytes, now.sentBytes - then.sentBytes];
    // One that went back was made anew, or ran over.
    if (received < 0 || sent < 0) return [];
    return [
      [`received_bytes_per_second:${name}`, round(received / seconds, 1)],
      [`sent_bytes_per_second:${name}`, round(sent / seconds, 1)],
    ] as const;
  });
  return Object.fromEntries(rates);
}

export const usageIn = (sighting: Sighting | undefined): UsageSeen | undefined =>
  sighting?.state === 'present' ? sighting.usage : undefined;

/** In processors, of what was there at both looks: what began in between, or began anew, counts from the next one on. */
function ofServiceCpu({ service, sighting, before }: ServiceSighted, seconds: number): Values {
  const then = before?.cpuSeconds ?? {};
  const spent = Object.entries(usageIn(sighting)?.cpuSeconds ?? {}).flatMap(([name, now]) => {
    const used = now - (then[name] ?? Number.NaN);
    return used >= 0 ? [used] : [];
  });
  if (spent.length === 0) return {};
  return { [`service_cpu_cores:${service}`]: round(spent.reduce((sum, one) => sum + one, 0) / seconds, 4) };
}

function ofService({ service, sighting }: ServiceSighted, clock: number): Values {
  if (sighting?.state !== 'present') return {};
  const restarts = Number(sighting.settings['restarts'] ?? Number.NaN);
  const { run, startedAt, usage } = sighting;
  return {
    ...(usage?.memoryBytes === undefined ? {} : { [`service_memory_bytes:${service}`]: usage.memoryBytes }),
    ...(Number.isNaN(restarts) ? {} : { [`service_restarts:${service}`]: restarts }),
    ...(run === 'running' && startedAt !== undefined
      ? { [`service_uptime_seconds:${service}`]: Math.max(0, clock - startedAt) }
      : {}),
  };
}

/**
 * What one look measured. Rates (`cpu_ratio`, `service_cpu_cores`, bytes per second) are averages since `before`, and are left out where there is
 * none, the machine was started anew in between, or a counter went back. What the machine did not say has no value.
 */
export function measure(facts: MachineFacts, services: readonly ServiceSighted[] = [], before?: MachineFacts): Values {
  const seconds = elapsedSeconds(facts, before);
  const values: Values = {
    load1: facts.load1,
    cpus: facts.cpus,
    uptime_seconds: facts.uptimeSeconds,
    ...(facts.temperatureCelsius === undefined ? {} : { temperature_celsius: facts.temperatureCelsius }),
    ...ofMemory(facts),
    ...ofFileSystems(facts),
    ...(before === undefined || seconds === undefined
      ? {}
      : {
          ...ofCpu(facts, before),
          ...ofNetwork(facts, before, seconds),
          ...(Object.assign({}, ...services.map(one => ofServiceCpu(one, seconds))) as Values),
        }),
    ...(Object.assign({}, ...services.map(one => ofService(one, facts.clock))) as Values),
  };
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => Number.isFinite(value) && Math.abs(value) < largest),
  );
}
