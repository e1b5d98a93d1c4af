// Measures as Prometheus reads them: its text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
import { type Measure, type MeasureName, measureFamilies } from '../../schema/measures.js';

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
const escaped = (text: string): string => text.replaceAll(/[\\"\n]/g, one => escapes[one] ?? '');
const escapedHelp = (text: string): string => text.replaceAll(/[\\\n]/g, one => escapes[one] ?? '');

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

function line(name: string, labels: readonly (readonly [string, string])[], value: number): string {
  const written = labels.map(([label, text]) => `${label}="${escaped(text)}"`).join(',');
  return `${name}${written === '' ? '' : `{${written}}`} ${numberText(value)}`;
}

function linesOf({ name, labels, value }: Measure): readonly string[] {
  const named = measureFamilies[name].labels.map((label, index) => [label, labels[index] ?? ''] as const);
  if (typeof value === 'number') return [line(name, named, value)];
  const buckets = [...value.buckets, [Infinity, value.count] as const];
  return [
    ...buckets.map(([upTo, count]) => line(`${name}_bucket`, [...named, ['le', numberText(upTo)]], count)),
    line(`${name}_sum`, named, value.sum),
    line(`${name}_count`, named, value.count),
  ];
}

/** Measures of one name must stand together. */
export function exposition(measures: readonly Measure[]): string {
  const told = new Set<MeasureName>();
  const lines = measures.flatMap(one => {
    const { name } = one;
    const { help, type } = measureFamilies[name];
    const head = told.has(name) ? [] : [`# HELP ${name} ${escapedHelp(help)}`, `# TYPE ${name} ${type}`];
    told.add(name);
    return [...head, ...linesOf(one)];
  });
  return `${lines.join('\n')}\n`;
}

/** Of the process that answers. */
export function processMeasures(version: string, now: number): readonly Measure[] {
  const { user, system } = process.cpuUsage();
  const single = (name: MeasureName, value: number): Measure => ({ name, labels: [], value });
  return [
    { name: 'portoser_build_info', labels: [version], value: 1 },
    single('process_cpu_seconds_total', (user + system) / 1e6),
    single('process_resident_memory_bytes', process.memoryUsage.rss()),
    single('process_start_time_seconds', now / 1000 - process.uptime()),
  ];
}
