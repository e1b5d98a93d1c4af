// Measurements as text: a line for each machine and each placement, or one for each measure over a time.
import type { OutputOf } from '../../../reconciler/engine.js';
import type { Measurement, SampleSpan } from '../../../schema/samples.js';
import type { Paint } from '../paint.js';
import { timeText } from './history.js';
import { table } from './table.js';

type Metrics = OutputOf<'metrics'>;

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

function bytesText(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${units[power] ?? ''}`;
}

export function timeSpanText(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86_400, (seconds % 86_400) / 3600, (seconds % 3600) / 60].map(Math.floor);
  if (days) return `${days}d ${hours}h`;
  return hours ? `${hours}h ${minutes}m` : minutes ? `${minutes}m` : `${Math.floor(seconds)}s`;
}

const percent = (ratio: number): string => `${Math.round(100 * ratio)}%`;

/** In the unit that the name ends in. */
function amountText(name: string, value: number): string {
  const [measure = ''] = name.split(':', 1);
  if (measure.endsWith('_bytes_per_second')) return `${bytesText(value)}/s`;
  if (measure.endsWith('_bytes')) return bytesText(value);
  if (measure.endsWith('_ratio')) return `${(100 * value).toFixed(1)}%`;
  if (measure.endsWith('_celsius')) return `${value.toFixed(1)} °C`;
  if (measure.endsWith('_seconds')) return timeSpanText(value);
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

/** Names of mounts and interfaces are the machine's words. */
// oxlint-disable-next-line no-control-regex -- a terminal would obey them
const shown = (name: string): string => name.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '?');

type Values = Measurement['values'];

/** The values of one measure by what stands after the colon. */
const ofKind = (values: Values, measure: string): readonly (readonly [string, number])[] =>
  Object.entries(values).flatMap(([name, value]) =>
    name.startsWith(`${measure}:`) ? [[name.slice(measure.length + 1), value] as const] : [],
  );

function memoryText({ memory_used_bytes: used, memory_total_bytes: total }: Values): string {
  return used === undefined || total === undefined ? '-' : `${percent(used / total)} of ${bytesText(total)}`;
}

const mostDisks = 3;
const full = 0.9;

/** The fullest first. */
function disksText(values: Values, paint: Paint): string {
  const disks = ofKind(values, 'disk_used_bytes')
    .map(([mount, used]) => ({ mount, ratio: used / (values[`disk_total_bytes:${mount}`] ?? Number.NaN) }))
    .filter(one => Number.isFinite(one.ratio))
    .toSorted((one, other) => other.ratio - one.ratio);
  const words = disks.slice(0, mostDisks).map(({ mount, ratio }) => {
    const text = `${shown(mount)} ${percent(ratio)}`;
    return ratio >= full ? paint.bad(text) : text;
  });
  const more = disks.length - words.length;
  return words.length === 0 ? '-' : [...words, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** Of all interfaces together. */
function rateText(values: Values, measure: string): string {
  const rates = ofKind(values, measure).map(([, value]) => value);
  return rates.length === 0 ? '-' : `${bytesText(rates.reduce((sum, one) => sum + one, 0))}/s`;
}

const orDash = (values: Values, name: string): string => {
  const value = values[name];
  return value === undefined ? '-' : amountText(name, value);
};

/** What is older than that was not measured at the last pass: the machine does not answer, or nobody runs. */
const oldMs = 900_000;

function rowOf({ machine, at, values }: Measurement, now: number, paint: Paint): readonly string[] {
  const when = timeText(at);
  return [
    machine,
    now - at > oldMs ? paint.warn(`${when} (old)`) : when,
    orDash(values, 'cpu_ratio'),
    memoryText(values),
    disksText(values, paint),
    values['load1'] === undefined ? '-' : values['load1'].toFixed(2),
    orDash(values, 'temperature_celsius'),
    rateText(values, 'received_bytes_per_second'),
    rateText(values, 'sent_bytes_per_second'),
  ];
}

const services = /^service_[a-z_]+:(.+)$/;

const servicesOf = (values: Values): readonly string[] =>
  [...new Set(Object.keys(values).flatMap(name => services.exec(name)?.[1] ?? []))].toSorted();

function placementRow({ machine, at, values }: Measurement, service: string): readonly string[] {
  const of = (measure: string): string => orDash(values, `${measure}:${service}`);
  return [
    `${service}@${machine}`,
    timeText(at),
    of('service_cpu_cores'),
    of('service_memory_bytes'),
    of('service_restarts'),
    of('service_uptime_seconds'),
  ];
}

/** A machine of which only services were asked for has no line of its own. */
const isOfMachine = ({ values }: Measurement): boolean => Object.keys(values).some(name => !services.test(name));

function newestText({ at, newest }: Metrics, paint: Paint): string {
  const headings = ['MACHINE', 'WHEN', 'CPU', 'MEMORY', 'DISKS', 'LOAD', 'TEMP', 'NET IN', 'NET OUT'];
  const machines = newest.filter(isOfMachine).map(one => rowOf(one, at, paint));
  const placements = newest.flatMap(one => servicesOf(one.values).map(service => placementRow(one, service)));
  const of = ['SERVICE', 'WHEN', 'CORES', 'MEMORY', 'RESTARTS', 'UP FOR'];
  return [
    ...(machines.length === 0 ? [] : [table(machines, headings)]),
    ...(placements.length === 0 ? [] : [table(placements, of)]),
  ].join('\n\n');
}

const spanRow = ({ machine, name, min, avg, max }: SampleSpan): readonly string[] => [
  machine,
  shown(name),
  ...[min, avg, max].map(value => amountText(name, value)),
];

const nothing = 'Nothing was measured in that time. A controller (`portoser run`) measures at its passes.';

export function metricsText(found: Metrics, paint: Paint): string {
  const { newest, spans, away } = found;
  if (spans !== undefined)
    return spans.length === 0 ? nothing : table(spans.map(spanRow), ['MACHINE', 'MEASURE', 'MIN', 'AVG', 'MAX']);
  if (newest.length === 0) return nothing;
  const note =
    away === undefined ? [] : [`${paint.warn('Remembered by the controller:')} ${away.message}. ${away.hint}`];
  return [...note, newestText(found, paint)].join('\n\n');
}
