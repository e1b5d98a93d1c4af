// Whether memory and open files stay flat while one process lives.
import type { Sample } from './driven.js';

export interface RoundSample extends Sample {
  /** The first round of its block without kills. */
  readonly block: number;
}

/** Too few of one process say nothing. */
const leastSamples = 8;
/** With so many, each third of what is judged has a full collection in it. */
const enoughSamples = 60;
/** Every process grows at its start: its heap, and what was compiled of its code. Measured: by 15 to 20 MB in up to 16 rounds, and then flat. */
const startSamples = 16;

/**
 * Between two full collections, up to 14 rounds, a heap grows by 30 MB; what is left after one, the least of a third, swings
 * by a few. A round has about ten passes and a change, and what is kept within bounds fills up slowly: measured, 80 kB a
 * round, up to the height at which another process had been flat for 45 rounds. In fewer rounds a third may be without a
 * collection, and only a gross leak is told.
 */
const swingMB = 4;
const fillingMB = 0.1;
const grossMB = 50;
/** Connections that were being opened or closed at that moment are not in the least of a third. */
const moreFiles = 4;

function longestOf(samples: readonly RoundSample[]): readonly RoundSample[] {
  const names = [...new Set(samples.map(one => `${one.block} ${one.pid}`))];
  const lives = names.map(name => samples.filter(one => `${one.block} ${one.pid}` === name));
  return lives.toSorted((one, other) => other.length - one.length)[0] ?? [];
}

export interface Flatness {
  /** In one line. */
  readonly told: string;
  readonly broken: readonly string[];
}

/** Of the process that lived longest. */
export function flatnessOf(samples: readonly RoundSample[]): Flatness {
  const own = longestOf(samples);
  if (own.length < leastSamples)
    return { told: `memory is not judged: ${own.length} samples of one process`, broken: [] };
  const grown = (among: readonly RoundSample[], of: 'rssMB' | 'files', limit: number, what: string) => {
    const third = Math.floor(among.length / 3);
    const least = (part: readonly RoundSample[]): number => Math.round(Math.min(...part.map(one => one[of])));
    const [was, is] = [least(among.slice(0, third)), least(among.slice(-third))];
    return { told: `${what} ${was}, then ${is}`, broken: is > was + limit ? [`${what}: ${was}, then ${is}`] : [] };
  };
  const enough = own.length >= enoughSamples;
  const settled = enough ? own.slice(startSamples) : own;
  // From the middle of the first third to that of the last.
  const rounds = (settled.length * 2) / 3;
  const parts = [
    grown(settled, 'rssMB', enough ? swingMB + fillingMB * rounds : grossMB, 'MB'),
    grown(own, 'files', moreFiles, 'open files'),
  ];
  return {
    told: `${own.length} samples of one process: ${parts.map(one => one.told).join('; ')}`,
    broken: parts.flatMap(one => one.broken),
  };
}
