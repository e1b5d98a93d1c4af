// Samples in the database: kept, rolled up to 5 minutes and hours, cleared when they are old, and read from what still has them.
import type { Measurement, SamplePoint, SamplesAsk, SampleSeries, SampleSpan, SpansAsk } from '../../schema/samples.js';
import { choiceOf, keptSamples, type Resolution } from '../../schema/samples.js';
import { clearRows, type ClearOptions, inParts } from './store-clear.js';
import type { Database, Query } from './store-database.js';

/** The values of each measurement as rows; `$1`: measurements as JSON. */
export const insertSamples = `
  insert into portoser.samples (machine, at, name, value)
  select m.machine, to_timestamp(m.at / 1000.0), v.key, v.value::float8
  from jsonb_to_recordset($1::jsonb) as m(machine text, at numeric, "values" jsonb)
  cross join lateral jsonb_each_text(m."values") as v
  on conflict do nothing`;

const tables = { '5m': 'portoser.samples_5m', '1h': 'portoser.samples_1h' } as const;

/** Milliseconds since 1970, whole: how time is cut to steps also where the database is older than its own function for it. */
const msOf = (column: string): string => `round(extract(epoch from ${column}) * 1000)::bigint`;

/** Adds to what stands there: a late sample counts as any other, though those beside it may be gone. */
const addTo = (resolution: '5m' | '1h', widthMs: number): string => `
  insert into ${tables[resolution]} as kept (machine, name, at, count, sum, min, max)
  select machine, name, to_timestamp((${msOf('at')} / ${widthMs} * ${widthMs}) / 1000.0), count(*), sum(value), min(value), max(value)
  from fresh group by 1, 2, 3 order by 1, 2, 3
  on conflict (machine, name, at) do update set count = kept.count + excluded.count, sum = kept.sum + excluded.sum,
    min = least(kept.min, excluded.min), max = greatest(kept.max, excluded.max)`;

const [rawKept, fiveKept, hourKept] = keptSamples;

/** One statement: what it marks it has counted, in both tables or in none. */
const rollUp = (most: number): string => `
  with fresh as (
    update portoser.samples as s set rolled = true
    from (
      select machine, at, name from portoser.samples where not rolled order by at limit ${most} for update skip locked
    ) as chosen
    where s.machine = chosen.machine and s.at = chosen.at and s.name = chosen.name and not s.rolled
    returning s.machine, s.at, s.name, s.value
  ),
  five as (${addTo('5m', fiveKept.widthMs)}),
  hourly as (${addTo('1h', hourKept.widthMs)})
  select count(*)::integer as count from fresh`;

const mostAtOnce = 20_000;

/** Counts what has arrived since the last time, whenever that was, and clears what is older than it is kept, all in parts. */
export async function tidySamples(database: Database, now: number, options: ClearOptions): Promise<void> {
  const { limitMs, most = mostAtOnce, signal } = options;
  const part = async (): Promise<number> => {
    const [rolled] = await database.transaction(query => query<{ count: number }>(rollUp(most)), { limitMs });
    return rolled?.count ?? 0;
  };
  await inParts(part, { most, signal });
  const clear = async (table: string, condition: string, keptMs: number): Promise<void> => {
    const which = { from: `where ${condition}at < $1 order by at`, values: [new Date(now - keptMs)] };
    await clearRows(database, table, which, { ...options, most });
  };
  await clear('portoser.samples', 'rolled and ', rawKept.keptMs);
  await clear(tables['5m'], '', fiveKept.keptMs);
  await clear(tables['1h'], '', hourKept.keptMs);
}

/** All of a time, with columns as rollups have them: what is not counted in these yet is read beside them. */
function sourceOf(resolution: Resolution): string {
  const single = (condition: string): string => `
    select machine, name, at, 1 as count, value as sum, value as min, value as max
    from portoser.samples where ${condition}at >= $1 and at < $2 and ($3::text is null or machine = $3)`;
  if (resolution === 'raw') return single('');
  return `
    select machine, name, at, count, sum, min, max
    from ${tables[resolution]} where at >= $1 and at < $2 and ($3::text is null or machine = $3)
    union all ${single('not rolled and ')}`;
}

const figures = `sum(count)::float8 as count, sum(sum) / sum(count) as avg, min(min) as min, max(max) as max`;

export async function readSamples(query: Query, ask: SamplesAsk, now: number): Promise<SampleSeries> {
  const { resolution, from, to, stepMs } = choiceOf(ask, now);
  const widthMs = stepMs ?? 1;
  const points = await query<SamplePoint & { readonly at: number }>(
    `select (${msOf('at')} / ${widthMs} * ${widthMs})::float8 as at, ${figures}
     from (${sourceOf(resolution)}) as all_samples where name = $4 group by 1 order by 1`,
    [new Date(from), new Date(to), ask.machine, ask.name],
  );
  return { resolution, ...(stepMs === undefined ? {} : { stepMs }), points };
}

export async function readSpans(query: Query, ask: SpansAsk, now: number): Promise<readonly SampleSpan[]> {
  const { resolution, from, to } = choiceOf(ask, now);
  return await query<SampleSpan>(
    `select machine, name, ${figures} from (${sourceOf(resolution)}) as all_samples
     group by machine, name order by machine collate "C", name collate "C"`,
    [new Date(from), new Date(to), ask.machine ?? null],
  );
}

/** The newest one of each machine, of what is still kept as it was measured; none of a time when the clock was ahead. */
export async function readNewest(
  query: Query,
  machine: string | undefined,
  now: number,
): Promise<readonly Measurement[]> {
  return await query<Measurement>(
    `with newest as (
       select machine, max(at) as at from portoser.samples
       where at >= $1 and at <= $3 and ($2::text is null or machine = $2) group by machine
     )
     select s.machine, (${msOf('s.at')})::float8 as at, json_object_agg(s.name, s.value) as "values"
     from portoser.samples as s join newest using (machine, at)
     group by s.machine, s.at order by s.machine collate "C"`,
    [new Date(now - rawKept.keptMs), machine ?? null, new Date(now)],
  );
}
