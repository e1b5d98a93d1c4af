// What was measured of machines: the last time, and over a time when that is asked for.
import type { Measurement, SampleSpan } from '../../schema/samples.js';
import type { Operation } from './operation.js';
import { integer, object, text } from './parts/shape.js';

export interface Metrics {
  /** Milliseconds since 1970, when this was asked. */
  readonly at: number;
  /** By machine; none of a machine that was not measured within a day. */
  readonly newest: readonly Measurement[];
  /** By machine and name: over the time since `since`, where that was given. */
  readonly spans?: readonly SampleSpan[];
}

const input = object({
  machine: text('Only of this machine'),
  since: integer(
    'Milliseconds since 1970; also the least, the average and the most from then on',
    0,
    Number.MAX_SAFE_INTEGER,
  ),
});

export const metrics: Operation<typeof input, Metrics> = {
  name: 'metrics',
  summary: 'Measurements of machines',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports: { store, clock } }, { machine, since }) => {
    const at = clock.now();
    const newest = await store.newest(machine);
    if (since === undefined) return { at, newest };
    const spans = await store.spans({ ...(machine === undefined ? {} : { machine }), from: since, to: at + 1 });
    return { at, newest, spans };
  },
};
