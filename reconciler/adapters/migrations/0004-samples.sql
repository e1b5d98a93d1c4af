-- What is measured: each sample for a day, 5 minutes of them for 30 days, hours for a year.
-- rolled: it is counted in both tables below; a sample is counted once, also one that arrives late.
create table portoser.samples (
  machine text not null,
  at timestamptz not null,
  name text not null,
  value float8 not null check (value between -1e30 and 1e30),
  rolled boolean not null default false,
  primary key (machine, at, name)
);
create index samples_by_time on portoser.samples (at);
create index samples_not_rolled on portoser.samples (at) where not rolled;

create table portoser.samples_5m (
  machine text not null,
  name text not null,
  at timestamptz not null,
  count integer not null,
  sum float8 not null,
  min float8 not null,
  max float8 not null,
  primary key (machine, name, at)
);
create index samples_5m_by_time on portoser.samples_5m (at);

create table portoser.samples_1h (
  machine text not null,
  name text not null,
  at timestamptz not null,
  count integer not null,
  sum float8 not null,
  min float8 not null,
  max float8 not null,
  primary key (machine, name, at)
);
create index samples_1h_by_time on portoser.samples_1h (at);
