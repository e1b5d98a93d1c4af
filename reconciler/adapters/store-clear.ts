// Clears rows of history that are old, or too many: in parts, so that no statement takes long, however much there is to clear.
import type { Database } from './store-database.js';

export interface ClearOptions {
  /** For one part. */
  readonly limitMs: number;
  /** So many rows in one part. */
  readonly most?: number;
  /** No part is begun after that. */
  readonly signal?: AbortSignal;
}

const mostAtOnce = 5_000;

/** Each part is a transaction of its own: after an end in the middle the next one goes on. `most`: in one part. */
export async function inParts(
  part: () => Promise<number>,
  { most, signal }: { readonly most: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  let more = true;
  while (more) more = signal?.aborted !== true && (await part()) === most;
}

/** `which`: what follows `from`, also its order, with `$1`… for `values`. */
export async function clearRows(
  database: Database,
  table: string,
  which: { readonly from: string; readonly values: readonly unknown[] },
  { limitMs, most = mostAtOnce, signal }: ClearOptions,
): Promise<void> {
  const sql = `
    with gone as (
      delete from ${table} where ctid = any(array(select ctid from ${table} ${which.from} limit ${most})) returning 1
    )
    select count(*)::integer as count from gone`;
  const part = async (): Promise<number> => {
    const [gone] = await database.transaction(query => query<{ count: number }>(sql, which.values), { limitMs });
    return gone?.count ?? 0;
  };
  await inParts(part, { most, signal });
}

/** Whoever finds the address of a controller can have some noted: they must not fill a disk. */
const deliveriesAtMost = 10_000;
const deliveriesKeptMs = 90 * 86_400_000;

export async function clearDeliveries(database: Database, now: number, options: ClearOptions): Promise<void> {
  const old = { from: 'where last_at < $1 order by last_at', values: [new Date(now - deliveriesKeptMs)] };
  await clearRows(database, 'portoser.deliveries', old, options);
  const tooMany = { from: `order by last_at desc, id desc offset ${deliveriesAtMost}`, values: [] };
  await clearRows(database, 'portoser.deliveries', tooMany, options);
}

/** Removes what is older than that instant; but how a placement stands since then is still to be told from its last transition. */
export async function clearBefore(database: Database, at: number, options: ClearOptions): Promise<void> {
  const clear = (table: string, from: string): Promise<void> =>
    clearRows(database, table, { from, values: [new Date(at)] }, options);
  await clear('portoser.runs', 'where ended_at < $1 order by ended_at');
  await clear('portoser.events', 'where at < $1 order by at');
  // Oldest first: a part must not take what those stand for that are left to the next one.
  await clear(
    'portoser.transitions',
    `as old where at < $1 and (
       to_state = 'unknown' or exists (select from portoser.transitions as newer where newer.key = old.key and newer.at > old.at)
     ) order by at`,
  );
  await clear('portoser.writes', 'where at < $1 order by at');
}
