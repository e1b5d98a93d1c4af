// What was measured of machines and services: the last time, and over a time when that is asked for.
import type { ErrorReport } from '../../schema/errors.js';
import type { Measurement, SampleSpan } from '../../schema/samples.js';
import { newestOf } from '../loop/newest.js';
import type { Operation } from './operation.js';
import { integer, object, text } from './parts/shape.js';

type Values = Measurement['values'];

export interface Metrics {
  /** Milliseconds since 1970, when this was asked. */
  readonly at: number;
  /** By machine; none of a machine that was not measured within a day. */
  readonly newest: readonly Measurement[];
  /** The database cannot be asked: `newest` is what controllers remember. */
  readonly away?: ErrorReport;
  /** By machine and name: over the time since `since`, where that was given. */
  readonly spans?: readonly SampleSpan[];
}

const input = object({
  machine: text('Only of this machine'),
  service: text('Only of this service, on all its machines, or of service@machine'),
  since: integer(
    'Milliseconds since 1970; also the least, the average and the most from then on',
    0,
    Number.MAX_SAFE_INTEGER,
  ),
});

/** `web` is a service, `web@m1` a placement. */
function chosen(ask: { readonly machine?: string; readonly service?: string }) {
  const [service, at] = ask.service?.split('@') ?? [];
  const machine = at ?? ask.machine;
  const none = at !== undefined && ask.machine !== undefined && ask.machine !== at;
  const isAsked = (name: string): boolean =>
    !none && (service === undefined || (name.startsWith('service_') && name.endsWith(`:${service}`)));
  return { machine, isAsked };
}

function only({ values, ...rest }: Measurement, isAsked: (name: string) => boolean): readonly Measurement[] {
  const kept = Object.entries(values).filter(([name]) => isAsked(name));
  return kept.length === 0 ? [] : [{ ...rest, values: Object.fromEntries(kept) as Values }];
}

export const metrics: Operation<typeof input, Metrics> = {
  name: 'metrics',
  summary: 'Measurements of machines and services',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { since, ...ask }) => {
    const { store, clock } = ports;
    const at = clock.now();
    const { machine, isAsked } = chosen(ask);
    const found = await newestOf(ports, machine);
    const newest = found.newest.flatMap(one => only(one, isAsked));
    const away = found.away === undefined ? {} : { away: found.away };
    if (since === undefined) return { at, newest, ...away };
    const spans = await store.spans({ ...(machine === undefined ? {} : { machine }), from: since, to: at + 1 });
    return { at, newest, ...away, spans: spans.filter(one => isAsked(one.name)) };
  },
};
