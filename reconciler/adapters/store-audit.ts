// The copy of audit logs in the database: rows in, records out. Nothing here is ever changed or cleared.
import type { AuditAnchor, AuditAsk, AuditRecord } from '../../schema/audit.js';
import type { Query } from './store-database.js';

/** What stands there already stays: a copy is a witness. */
export const insertAudit = `
  insert into portoser.audit (log, seq, hash, at, actor, token, record)
  select a->>'log', (a->'record'->>'seq')::bigint, a->'record'->>'hash', to_timestamp((a->'record'->>'at')::numeric / 1000.0),
    a->'record'->'who'->>'name', a->'record'->'who'->>'token', a->'record'
  from jsonb_array_elements($1::jsonb) as all_records(a)
  on conflict do nothing`;

/** The last one of that log up to which none is missing. */
export async function readAuditHead(query: Query, log: string): Promise<AuditAnchor | undefined> {
  const [found] = await query<{ seq: number; hash: string }>(
    `select seq::float8 as seq, hash from portoser.audit as a where log = $1
       and not exists (select from portoser.audit as b where b.log = a.log and b.seq = a.seq + 1)
     order by a.seq limit 1`,
    [log],
  );
  return found;
}

export async function readAudit(query: Query, { since, actor, limit }: AuditAsk): Promise<readonly AuditRecord[]> {
  const rows = await query<{ record: AuditRecord }>(
    `select record from portoser.audit
     where ($1::timestamptz is null or at >= $1) and ($2::text is null or actor = $2 or token = $2)
     order by at desc, seq desc limit $3`,
    [since === undefined ? null : new Date(since), actor ?? null, limit],
  );
  return rows.map(row => row.record);
}
