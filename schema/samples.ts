// What is measured again and again: samples of machines, how long they are kept in which fineness, and how they are asked for.

/**
 * What one look at a machine measured. By name: `cpu_ratio`, `memory_used_bytes`, `memory_total_bytes`, `load1`, `cpus`,
 * `temperature_celsius`, `uptime_seconds`; of a file system `disk_used_bytes:/var`, `disk_total_bytes:/var`,
 * `inodes_used_ratio:/var`; of an interface `received_bytes_per_second:eth0`, `sent_bytes_per_second:eth0`; of a service
 * `service_restarts:web`, `service_uptime_seconds:web`, `service_cpu_cores:web` (processors that it keeps busy: 0.5 is half of
 * one), `service_memory_bytes:web`.
 */
export interface Measurement {
  readonly machine: string;
  /** Milliseconds since 1970 by the controller's clock. */
  readonly at: number;
  readonly values: Readonly<Record<string, number>>;
}

export type Resolution = 'raw' | '5m' | '1h';

interface Kept {
  readonly resolution: Resolution;
  readonly widthMs: number;
  readonly keptMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The finest first. */
export const keptSamples = [
  { resolution: 'raw', widthMs: 1, keptMs: dayMs },
  { resolution: '5m', widthMs: 300_000, keptMs: 30 * dayMs },
  { resolution: '1h', widthMs: hourMs, keptMs: 366 * dayMs },
] as const satisfies readonly Kept[];

export interface SamplesAsk {
  readonly machine: string;
  readonly name: string;
  /** Milliseconds since 1970; of steps that begin before it, all is told. */
  readonly from: number;
  /** Not included, unless a step goes on beyond it. */
  readonly to: number;
  /** One point for so many milliseconds; absent: as fine as it is kept since `from`. */
  readonly stepMs?: number;
}

export interface SamplePoint {
  /** When the step begins; of a raw sample, when it was taken. */
  readonly at: number;
  readonly count: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
}

export interface SampleSeries {
  readonly resolution: Resolution;
  /** Of the points; absent: each is one sample. */
  readonly stepMs?: number;
  /** Oldest first; steps without a sample have none. */
  readonly points: readonly SamplePoint[];
}

export interface SpansAsk {
  /** Absent: all. */
  readonly machine?: string;
  readonly from: number;
  readonly to: number;
}

/** One measure of a machine over a time. */
export interface SampleSpan extends Omit<SamplePoint, 'at'> {
  readonly machine: string;
  readonly name: string;
}

/** From what is kept the answer comes, with the times and the step that it has: whole steps, as coarse as is asked. */
export function choiceOf(
  ask: Pick<SamplesAsk, 'from' | 'to' | 'stepMs'>,
  now: number,
): { readonly resolution: Resolution; readonly from: number; readonly to: number; readonly stepMs?: number } {
  const [raw, five, hourly] = keptSamples;
  const there: readonly Kept[] = [raw, five, hourly].filter(one => one === hourly || ask.from >= now - one.keptMs);
  const finest = there[0] ?? hourly;
  const { stepMs: asked = finest.widthMs } = ask;
  const chosen = there.findLast(one => asked % one.widthMs === 0) ?? finest;
  const { resolution, widthMs } = ask.stepMs === undefined ? finest : chosen;
  if (resolution === 'raw' && ask.stepMs === undefined) return { resolution, from: ask.from, to: ask.to };
  const stepMs = Math.max(1, Math.ceil(asked / widthMs)) * widthMs;
  return {
    resolution,
    from: Math.floor(ask.from / stepMs) * stepMs,
    to: Math.ceil(ask.to / stepMs) * stepMs,
    stepMs,
  };
}
