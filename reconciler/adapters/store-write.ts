// Records into rows: one statement for all of one kind that follow each other, each row once, in the order they came.
import type { Deployment, DeploymentEnd, HistoryEvent, HistoryRecord, Run, Transition } from '../../schema/history.js';
import type { Write } from '../../schema/journal.js';
import type { Delivery } from '../../schema/webhooks.js';
import type { Query } from './store-database.js';
import { insertAudit } from './store-audit.js';
import { insertSamples } from './store-samples.js';

/** jsonb and text hold neither NUL nor half a surrogate pair. */
const storable = (_: string, value: unknown): unknown =>
  typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').replaceAll(/\p{Surrogate}/gu, '\uFFFD') : value;

const asJson = (rows: readonly unknown[]): string => JSON.stringify(rows, storable);

const instant = (column: string): string => `to_timestamp(${column} / 1000.0)`;

const insertRuns = `
  insert into portoser.runs (id, controller, trigger, actor_name, actor_by, "commit", started_at, ended_at, plan, next)
  select r.id, $2, r.trigger, r.actor->>'name', r.actor->>'by', r."commit",
    ${instant('r."startedAt"')}, ${instant('r."endedAt"')}, r.plan, r.next
  from jsonb_to_recordset($1::jsonb) as r(
    id text, trigger text, actor jsonb, "commit" text, "startedAt" numeric, "endedAt" numeric, plan jsonb, next jsonb)
  on conflict do nothing`;

const insertDeployments = `
  insert into portoser.deployments (id, run_id, position, key, service, machine, kind, reason, because, fields,
    previous_commit, result, why, error, output_tail, undone, duration_ms, fingerprint, images, steps, started_at, ended_at)
  select d.id, d."runId", d.position, d.key, d.service, d.machine, d.kind, d.reason, d.because, d.fields,
    d."previousCommit", d.result, d.why, d.error, d."outputTail", d.undone, d."durationMs", d.fingerprint, d.images, d.steps,
    ${instant('d."startedAt"')}, ${instant('d."endedAt"')}
  from jsonb_to_recordset($1::jsonb) as d(
    id text, "runId" text, position integer, key text, service text, machine text, kind text, reason text, because text,
    fields jsonb, "previousCommit" text, result text, why text, error jsonb, "outputTail" text, undone jsonb,
    "durationMs" integer, fingerprint text, images jsonb, steps jsonb, "startedAt" numeric, "endedAt" numeric)
  on conflict do nothing`;

/** The ends that $1 tells; a clause must say which of the rows may take one. */
const setEnds = `update portoser.deployments as d
  set result = e.result, why = e.why, error = e.error, output_tail = e."outputTail",
    undone = e.undone, duration_ms = e."durationMs", images = e.images, steps = e.steps,
    ended_at = ${instant('e."endedAt"')}
  from jsonb_to_recordset($1::jsonb) as e(
    id text, result text, why text, error jsonb, "outputTail" text, undone jsonb, "durationMs" integer, images jsonb, steps jsonb,
    "endedAt" numeric)`;

/** Nobody saw its end, or could say what came of it. */
const unseen = (row: string, tail: string): string =>
  `(${row}.result = 'in-progress' or (${row}.result = 'failed' and ${row}.error->>'code' = 'interrupted'
    and ${row}.${tail} is null and ${row}.undone is null and ${row}.steps is null))`;

/**
 * What nobody had seen the end of takes the end that somebody did see: the run of a killed process is told by who comes
 * after it, and may be told better later. A record that comes twice changes nothing.
 */
const endUnseen = `
  ${setEnds}
  where d.id = e.id and ${unseen('d', 'output_tail')} and not ${unseen('e', '"outputTail"')}`;

/** Only what is still open ends: a record that comes twice changes nothing. */
const endDeployments = `
  ${setEnds}
  where d.id = e.id and d.result = 'in-progress'`;

const insertEvents = `
  insert into portoser.events (id, at, kind, machine, key, text, data)
  select e->>'id', ${instant("(e->>'at')::numeric")}, e->>'kind', e->>'machine', e->>'key', e->>'text', e->'data'
  from jsonb_array_elements($1::jsonb) with ordinality as all_events(e, position)
  order by position
  on conflict do nothing`;

const insertTransitions = `
  insert into portoser.transitions (id, at, key, machine, from_state, to_state, lasted_ms, found, planned)
  select t.id, ${instant('t.at')}, t.key, t.machine, t."from", t."to", t."lastedMs", t.found, t.planned
  from jsonb_to_recordset($1::jsonb) as t(
    id text, at numeric, key text, machine text, "from" text, "to" text, "lastedMs" bigint, found text, planned boolean)
  on conflict do nothing`;

/** What was told of a killed process's write is not told again. */
const insertWrites = `
  insert into portoser.writes (id, run_id, controller, at, ended_at, target, place, what, keys, error, found, note)
  select w.id, w.run, $2, ${instant('w.at')}, ${instant('w."endedAt"')}, w."to", w."where", w.what, w.keys, w.error, w."end", w.text
  from jsonb_to_recordset($1::jsonb) as w(
    id text, run text, at numeric, "endedAt" numeric, "to" text, "where" text, what text, keys jsonb, error text, "end" text,
    text text)
  on conflict do nothing`;

/** One that is repeated comes again; whichever comes later, the higher count stays. */
const insertDeliveries = `
  insert into portoser.deliveries as kept (id, at, last_at, times, forge, kind, verdict, why, repository, branch, number)
  select distinct on (d.id) d.id, ${instant('d.at')}, ${instant('d."lastAt"')}, d.times, d.forge, d.kind, d.verdict, d.why,
    d.repository, d.branch, d.number
  from jsonb_to_recordset($1::jsonb) as d(
    id text, at numeric, "lastAt" numeric, times integer, forge text, kind text, verdict text, why text, repository text,
    branch text, number bigint)
  order by d.id, d.times desc
  on conflict (id) do update set last_at = excluded.last_at, times = excluded.times where excluded.times > kept.times`;

/** The clock that measures them counts parts of a millisecond. */
const whole = <T extends DeploymentEnd>(end: T): T =>
  end.durationMs === undefined ? end : { ...end, durationMs: Math.round(end.durationMs) };

/** In the plan's order. */
const placed = (deployments: readonly Deployment[]): readonly unknown[] =>
  deployments.map((one, position) => ({ ...whole(one), position }));

/** `records` in stretches of one kind. */
function stretches(records: readonly HistoryRecord[]): readonly (readonly HistoryRecord[])[] {
  const all: HistoryRecord[][] = [];
  for (const record of records) {
    const last = all.at(-1);
    if (last?.[0]?.kind === record.kind) last.push(record);
    else all.push([record]);
  }
  return all;
}

const only = <K extends HistoryRecord['kind']>(records: readonly HistoryRecord[], kind: K) =>
  records.filter((one): one is Extract<HistoryRecord, { kind: K }> => one.kind === kind);

async function writeRuns(query: Query, records: readonly HistoryRecord[], controller: string): Promise<void> {
  const runs = only(records, 'run');
  await query(insertRuns, [asJson(runs.map((one): Run => one.run)), controller]);
  const deployments = asJson(runs.flatMap(one => placed(one.deployments)));
  await query(insertDeployments, [deployments]);
  await query(endUnseen, [deployments]);
}

/** Within a transaction. Throws what the database says of a record that it cannot keep. */
export async function writeRecords(query: Query, records: readonly HistoryRecord[], controller: string): Promise<void> {
  for (const stretch of stretches(records)) {
    const kind = stretch[0]?.kind ?? 'event';
    switch (kind) {
      case 'run':
        await writeRuns(query, stretch, controller);
        break;
      case 'ended': {
        const ends = only(stretch, kind).map(({ deployment, end, endedAt }) => ({
          ...whole(end),
          id: deployment,
          endedAt,
        }));
        await query(endDeployments, [asJson(ends)]);
        break;
      }
      case 'event':
        await query(insertEvents, [asJson(only(stretch, kind).map((one): HistoryEvent => one.event))]);
        break;
      case 'transition':
        await query(insertTransitions, [asJson(only(stretch, kind).map((one): Transition => one.transition))]);
        break;
      case 'write':
        await query(insertWrites, [asJson(only(stretch, kind).map((one): Write => one.write)), controller]);
        break;
      case 'delivery':
        await query(insertDeliveries, [asJson(only(stretch, kind).map((one): Delivery => one.delivery))]);
        break;
      case 'audit':
        await query(insertAudit, [asJson(only(stretch, kind).map(({ log, record }) => ({ log, record })))]);
        break;
      case 'samples':
        await query(insertSamples, [asJson(only(stretch, kind).map(one => one.measurement))]);
        break;
      default:
        kind satisfies never;
    }
  }
}

const noEnd = {
  code: 'interrupted',
  message: 'the controller ended before the change did; what came of it is seen at the next look',
  hint: 'Run `portoser status`.',
  retry: 'backoff',
};

/** Nobody waits any more for what a process of this controller before this one had left open. */
export async function closeLeftOpen(query: Query, controller: string, begunAt: number): Promise<void> {
  await query(
    `update portoser.deployments as d set result = 'failed', error = $3, why = null
     from portoser.runs as r
     where r.id = d.run_id and r.controller = $1 and r.ended_at < $2 and d.result = 'in-progress'`,
    [controller, new Date(begunAt), JSON.stringify(noEnd)],
  );
}
