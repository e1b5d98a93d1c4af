// Whether memory and open files stay flat while one process lives.
import { expect } from 'vitest';
import type { Sample } from './driven.js';

export interface RoundSample extends Sample {
  /** The first round of its block without kills. */
  readonly block: number;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Too few of one process say nothing. */
const leastSamples = 12;

function longestOf(samples: readonly RoundSample[]): readonly RoundSample[] {
  const names = [...new Set(samples.map(one => `${one.block} ${one.pid}`))];
  const lives = names.map(name => samples.filter(one => `${one.block} ${one.pid}` === name));
  return lives.toSorted((one, other) => other.length - one.length)[0] ?? [];
}

/** Of the process that lives longest. */
export function expectFlat(samples: readonly RoundSample[], tell: (line: string) => void): void {
  const own = longestOf(samples);
  if (own.length < leastSamples) return tell(`memory is not judged: ${own.length} samples of one process`);
  const third = Math.floor(own.length / 3);
  const of = (read: (sample: Sample) => number) =>
    [median(own.slice(0, third).map(read)), median(own.slice(-third).map(read))] as const;
  const [firstMB, lastMB] = of(one => one.rssMB);
  const [firstFiles, lastFiles] = of(one => one.files);
  tell(`memory ${Math.round(firstMB)} MB, then ${Math.round(lastMB)} MB; files ${firstFiles}, then ${lastFiles}`);
  expect(lastMB, 'MB in the last third').toBeLessThan(firstMB * 1.25 + 20);
  expect(lastFiles, 'open files in the last third').toBeLessThan(firstFiles + 10);
}
