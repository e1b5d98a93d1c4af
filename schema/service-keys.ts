// Which keys of a service are for which types only.

/** Which types a key is for; keys that are not named are for all. */
export const keyTypes: Readonly<Record<string, readonly string[]>> = {
  compose_file: ['docker'],
  compose_project: ['docker'],
  compose_service: ['docker'],
  images: ['docker'],
  pull: ['docker'],
  build: ['docker'],
  port_mapping: ['docker'],
  command: ['local', 'native'],
  user: ['local', 'native'],
  scope: ['local', 'native'],
  resources: ['docker', 'native'],
  log_file: ['local'],
  service_name: ['native'],
};
