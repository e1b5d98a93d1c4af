-- What came by webhooks; those that said the same within a minute are one row.
create table portoser.deliveries (
  id text primary key,
  at timestamptz not null,
  last_at timestamptz not null,
  times integer not null,
  forge text not null,
  kind text,
  verdict text not null,
  why text not null,
  repository text,
  branch text,
  number bigint
);
create index deliveries_by_time on portoser.deliveries (last_at);
