// What the figures were measured on: a figure without that says nothing.
import { cpus, loadavg, release, totalmem, type } from 'node:os';

export interface MeasuredOn {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGB: number;
  readonly system: string;
  readonly node: string;
  /** Of the last minute; above the number of cores, every figure is of a machine that was busy with other things too. */
  readonly load: number;
}

export function measuredOn(): MeasuredOn {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown CPU',
    cores: all.length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}
