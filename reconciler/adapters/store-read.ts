// Rows into records: deployments, events, transitions and deliveries as they were noted.
import type {
  Deployment,
  DeploymentInRun,
  DeploymentsAsk,
  EventsAsk,
  HistoryEvent,
  Run,
  Transition,
  TransitionsAsk,
} from '../../schema/history.js';
import type { Write } from '../../schema/journal.js';
import { AppError } from '../../schema/errors.js';
import type { Delivery } from '../../schema/webhooks.js';
import type { Query } from './store-database.js';

/** The same object without what the database holds nothing for. */
function present<T>(row: Record<string, unknown>): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
}

/** Milliseconds since 1970, as a number: numeric would come as text. */
const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

const deploymentColumns = `
  d.id, d.run_id as "runId", d.key, d.service, d.machine, d.kind, d.reason, d.because, d.fields, r."commit",
  d.previous_commit as "previousCommit", d.result, d.why, d.error, d.output_tail as "outputTail", d.undone,
  d.duration_ms as "durationMs", d.fingerprint, d.images, r.trigger, json_build_object('name', r.actor_name, 'by', r.actor_by) as actor,
  ${ms('d.started_at')} as "startedAt", ${ms('d.ended_at')} as "endedAt"`;

const fromDeployments = 'from portoser.deployments as d join portoser.runs as r on r.id = d.run_id';

/** `web` is a service, `web@m1` a placement. */
const placement = (service: string): 'key' | 'service' => (service.includes('@') ? 'key' : 'service');

/** Conditions that are asked for, with their values numbered. */
function where(parts: readonly (readonly [condition: string, value: unknown])[]): {
  readonly sql: string;
  readonly values: readonly unknown[];
} {
  const asked = parts.filter(([, value]) => value !== undefined);
  const conditions = asked.map(([condition], index) => condition.replace('?', `$${index + 1}`));
  return {
    sql: conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`,
    values: asked.map(([, value]) => value),
  };
}

export async function readDeployments(query: Query, ask: DeploymentsAsk): Promise<readonly Deployment[]> {
  const { sql, values } = where([
    [`d.${placement(ask.service ?? '')} = ?`, ask.service],
    ['d.machine = ?', ask.machine],
  ]);
  const rows = await query(
    `select ${deploymentColumns} ${fromDeployments} ${sql}
     order by d.started_at desc, d.run_id, d.position desc limit ${ask.limit}`,
    values,
  );
  return rows.map(row => present<Deployment>(row));
}

function ambiguous(prefix: string, found: readonly Deployment[]): AppError {
  const shown = found.slice(0, 5).map(one => `${one.id.slice(0, 12)} (${one.key})`);
  return new AppError('unknown-name', `several deployments begin with ${prefix}: ${shown.join(', ')}`, {
    hint: 'Give more of its id.',
  });
}

const noDeployment = (prefix: string): AppError =>
  new AppError('unknown-name', `there is no deployment ${prefix}`, {
    hint: 'See `portoser history list` for their ids.',
  });

export async function readDeployment(query: Query, prefix: string): Promise<DeploymentInRun> {
  // No wildcard of LIKE may come from outside.
  if (!/^[0-9A-Za-z-]+$/.test(prefix)) throw noDeployment(prefix);
  const rows = await query(
    `select ${deploymentColumns} ${fromDeployments} where d.id like $1 or d.run_id like $1
     order by d.started_at desc, d.position limit 20`,
    [`${prefix}%`],
  );
  const found = rows.map(row => present<Deployment>(row));
  const deployment = found.find(one => one.id === prefix) ?? found[0];
  if (deployment === undefined) throw noDeployment(prefix);
  if (found.length > 1 && deployment.id !== prefix) throw ambiguous(prefix, found);
  const [run] = await query(
    `select id, trigger, json_build_object('name', actor_name, 'by', actor_by) as actor, "commit", plan, next,
       ${ms('started_at')} as "startedAt", ${ms('ended_at')} as "endedAt"
     from portoser.runs where id = $1`,
    [deployment.runId],
  );
  const all = await query(`select ${deploymentColumns} ${fromDeployments} where d.run_id = $1 order by d.position`, [
    deployment.runId,
  ]);
  const others = all.map(row => present<Deployment>(row)).filter(one => one.id !== deployment.id);
  const [more] = await query('select steps from portoser.deployments where id = $1', [deployment.id]);
  const writes = await readWrites(query, deployment);
  return {
    deployment: { ...deployment, ...present<object>(more ?? {}) },
    run: present<Run>(run ?? {}),
    others,
    writes,
  };
}

/** The store's copy of the journal, as far as it is about that deployment. */
async function readWrites(query: Query, { runId, key }: Deployment): Promise<readonly Write[]> {
  const rows = await query(
    `select id, target as "to", place as "where", what, keys, run_id as run, ${ms('at')} as at,
       ${ms('ended_at')} as "endedAt", error, found as "end", note as text
     from portoser.writes where run_id = $1 and keys ? $2 order by at, id`,
    [runId, key],
  );
  return rows.map(row => present<Write>(row));
}

const eventColumns = `id, ${ms('at')} as at, kind, machine, key, text, data`;

async function orderOf(query: Query, id: string | undefined): Promise<string | undefined> {
  if (id === undefined) return undefined;
  const [found] = await query<{ seq: string }>('select seq from portoser.events where id = $1', [id]);
  if (found !== undefined) return found.seq;
  throw new AppError('unknown-name', `the event ${id} is not kept here`, {
    hint: 'Ask without it for the newest ones.',
  });
}

/** The newest ones, or those that were kept next after one; either way oldest first. */
export async function readEvents(query: Query, ask: EventsAsk): Promise<readonly HistoryEvent[]> {
  const after = await orderOf(query, ask.after);
  const { sql, values } = where([
    ['seq > ?', after],
    ['at >= ?', ask.since === undefined ? undefined : new Date(ask.since)],
    [placement(ask.service ?? '') === 'key' ? 'key = ?' : `split_part(key, '@', 1) = ?`, ask.service],
    ['machine = ?', ask.machine],
    ['kind = any(?::text[])', ask.kinds],
  ]);
  const order = after === undefined ? 'desc' : 'asc';
  const rows = await query(
    `select ${eventColumns} from portoser.events ${sql} order by seq ${order} limit ${ask.limit}`,
    values,
  );
  const events = rows.map(row => present<HistoryEvent>(row));
  return after === undefined ? events.reverse() : events;
}

const transitionColumns = `id, ${ms('at')} as at, key, machine, from_state as "from", to_state as "to",
  lasted_ms::float8 as "lastedMs", found, planned`;

export async function readTransitions(query: Query, key: string, since: number): Promise<readonly Transition[]> {
  const rows = await query(
    `select ${transitionColumns} from portoser.transitions where key = $1 and at >= $2 order by at, id`,
    [key, new Date(since)],
  );
  return rows.map(row => present<Transition>(row));
}

export async function readTransitionsSince(
  query: Query,
  { service, since }: TransitionsAsk,
): Promise<readonly Transition[]> {
  const isAsked =
    placement(service ?? '') === 'key' ? 'key = $2' : `($2::text is null or split_part(key, '@', 1) = $2)`;
  const rows = await query(
    `select ${transitionColumns} from (
       select * from portoser.transitions where at >= $1 and ${isAsked}
       union all
       select * from (
         select distinct on (key) * from portoser.transitions where at < $1 and ${isAsked} order by key, at desc, id desc
       ) as before
     ) as found order by found.at, id`,
    [new Date(since), service ?? null],
  );
  return rows.map(row => present<Transition>(row));
}

export async function readDeliveries(query: Query, limit: number): Promise<readonly Delivery[]> {
  const rows = await query(
    `select id, ${ms('at')} as at, ${ms('last_at')} as "lastAt", times, forge, kind, verdict, why, repository, branch,
       number::float8 as number
     from portoser.deliveries order by last_at desc, id desc limit ${limit}`,
    [],
  );
  return rows.map(row => present<Delivery>(row));
}
