-- The steps of a deployment, and the store's copy of the journal. A write comes before the run that it is part of.
alter table portoser.deployments add column steps jsonb;

create table portoser.writes (
  id text primary key,
  run_id text,
  controller text not null,
  at timestamptz not null,
  ended_at timestamptz,
  target text not null,
  place text not null,
  what text not null,
  keys jsonb not null,
  error text,
  found text,
  note text
);
create index writes_by_run on portoser.writes (run_id);
create index writes_by_time on portoser.writes (at);
