-- Runs with their deployments, events, and transitions of health.
create table portoser.runs (
  id text primary key,
  controller text not null,
  trigger text not null,
  actor_name text not null,
  actor_by text not null,
  "commit" text,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  plan jsonb not null,
  next jsonb not null
);
create index runs_by_time on portoser.runs (ended_at);

create table portoser.deployments (
  id text primary key,
  run_id text not null references portoser.runs on delete cascade,
  position integer not null,
  key text not null,
  service text not null,
  machine text not null,
  kind text not null,
  reason text not null,
  because text not null,
  fields jsonb not null,
  previous_commit text,
  result text not null,
  why text,
  error jsonb,
  output_tail text,
  undone jsonb,
  duration_ms integer,
  started_at timestamptz not null,
  ended_at timestamptz not null
);
create index deployments_by_run on portoser.deployments (run_id);
create index deployments_by_time on portoser.deployments (started_at);
create index deployments_by_service on portoser.deployments (service, started_at);
create index deployments_open on portoser.deployments (id) where result = 'in-progress';

-- seq is the order in which events were kept: a reader that goes on after one misses none, also of those that were caught up late.
create table portoser.events (
  seq bigint generated always as identity primary key,
  id text not null unique,
  at timestamptz not null,
  kind text not null,
  machine text,
  key text,
  text text not null,
  data jsonb
);
create index events_by_time on portoser.events (at);
create index events_by_key on portoser.events (key, seq);

create table portoser.transitions (
  id text primary key,
  at timestamptz not null,
  key text not null,
  machine text not null,
  from_state text not null,
  to_state text not null,
  lasted_ms bigint not null,
  found text not null,
  planned boolean not null
);
create index transitions_by_key on portoser.transitions (key, at);
create index transitions_by_time on portoser.transitions (at);
