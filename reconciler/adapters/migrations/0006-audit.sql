-- A copy of audit logs, by the name of the log and the number of the record.
create table portoser.audit (
  log text not null,
  seq bigint not null,
  hash text not null,
  at timestamptz not null,
  actor text not null,
  token text,
  record jsonb not null,
  primary key (log, seq)
);
create index audit_by_time on portoser.audit (at);
