// Samples summed up the plain way: what every other way of doing it is compared with.
import type { Measurement, SamplePoint, SampleSpan } from '../../schema/samples.js';

interface Times {
  readonly from: number;
  readonly to: number;
}

const within =
  ({ from, to }: Times) =>
  ({ at }: { readonly at: number }) =>
    at >= from && at < to;

function groups<T>(all: readonly T[], keyOf: (one: T) => string): readonly (readonly [T, ...T[]])[] {
  const found = new Map<string, [T, ...T[]]>();
  for (const one of all) {
    const own = found.get(keyOf(one));
    if (own === undefined) found.set(keyOf(one), [one]);
    else own.push(one);
  }
  return [...found.values()];
}

const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function figuresOf(values: readonly number[]): Omit<SamplePoint, 'at'> {
  return {
    count: values.length,
    avg: values.reduce((sum, one) => sum + one, 0) / values.length,
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/** Of one machine's measurements, the points of one measure. */
export function pointsOf(
  measured: readonly Measurement[],
  name: string,
  times: Times & { readonly stepMs: number },
): readonly SamplePoint[] {
  const samples = measured.filter(within(times)).flatMap(({ at, values }) => {
    const value = values[name];
    return value === undefined ? [] : [{ step: Math.floor(at / times.stepMs) * times.stepMs, value }];
  });
  return groups(samples, one => `${one.step}`)
    .map(own => ({ at: own[0].step, ...figuresOf(own.map(one => one.value)) }))
    .toSorted((one, other) => one.at - other.at);
}

export function spansOf(measured: readonly Measurement[], times: Times): readonly SampleSpan[] {
  const samples = measured
    .filter(within(times))
    .flatMap(({ machine, values }) => Object.entries(values).map(([name, value]) => ({ machine, name, value })));
  return groups(samples, one => JSON.stringify([one.machine, one.name]))
    .map(own => ({ machine: own[0].machine, name: own[0].name, ...figuresOf(own.map(one => one.value)) }))
    .toSorted((one, other) => order(one.machine, other.machine) || order(one.name, other.name));
}
