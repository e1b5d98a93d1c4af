-- What a deployment brought up, so that it can be brought back: its fingerprint, and the images that it ran from.
alter table portoser.deployments add column fingerprint text, add column images jsonb;
create index deployments_by_key on portoser.deployments (key, started_at);
