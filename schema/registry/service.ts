// What registry.yml may say about a service.
import { Type, type Static } from 'typebox';
import { command, healthSchema } from './health.js';
import {
  absolutePath,
  anyPath,
  byName,
  dnsName,
  duration,
  fields,
  freeText,
  line,
  list,
  name,
  oneOf,
  oneOrMany,
  port,
  portOrAuto,
  relativePath,
  safeWord,
  size,
  suspend,
  tags,
  vars,
  wordPattern,
} from './leaf.js';
import { servicePolicySchema } from './policy.js';

const variable = ['^[A-Za-z_][A-Za-z0-9_]*$', 'letters, digits and _, beginning with a letter or _'] as const;

const machines = Type.Union(
  [list(name()), fields({ tags: Type.Array(safeWord('a tag'), { minItems: 1, expected: 'a list of tags' }) })],
  { expected: 'a list of machines, or {tags: [x]}', description: 'One placement on each of these machines.' },
);

const pin = Type.String({
  pattern: '^([A-Za-z0-9][A-Za-z0-9._/:-]*@)?sha256:[0-9a-f]{64}$',
  maxLength: 1024,
  expected: 'an image with its digest, name@sha256:…, or the id of one that the machine has, sha256:…',
});

const build = Type.Union(
  [
    Type.Boolean(),
    fields({
      on: name({ description: 'Machine that builds for all.' }),
      push: Type.Optional(line({ description: 'Where the image is pushed: registry/name.' })),
    }),
  ],
  {
    expected: 'true, false, or {on: machine, push: registry/name}',
    description: 'Build the images, on each machine or on one.',
    default: false,
  },
);

const mapping = fields(
  {
    host: portOrAuto({ description: 'Port on the machine.' }),
    container: port({ description: 'Port in the container.' }),
  },
  { expected: 'a map such as {host: 8080, container: 80}' },
);

const envValue = Type.Unsafe<string | number | boolean>({
  type: ['string', 'number', 'boolean'],
  pattern: '^[^\\u0000]*$',
  maxLength: 131_072,
  expected: 'text (numbers and booleans are taken as text)',
});

const secret = fields({
  path: line({ description: 'Path in the secret store.' }),
  keys: Type.Union([byName(line(), ...variable), Type.Array(line(), { minItems: 1, expected: 'a list of keys' })], {
    expected: 'a map of variable to key, or a list of keys',
    description: 'Variable → key, or keys.',
  }),
});

const tls = Type.Union(
  [
    Type.Boolean(),
    fields({
      names: Type.Optional(list(line(), { description: 'Further names in the certificate.' })),
      client: Type.Optional(Type.Boolean({ expected: 'true or false' })),
    }),
  ],
  {
    expected: 'true, false, or {names: […], client: true}',
    description: 'A certificate of our CA at <path>/.portoser/tls.',
    default: false,
  },
);

const resources = fields(
  {
    memory: Type.Optional(size({ description: 'Memory limit.' })),
    cpus: Type.Optional(
      Type.Unsafe<number | string>({
        type: ['number', 'string'],
        exclusiveMinimum: 0,
        maximum: 1024,
        pattern: '^(?=.*[1-9])[0-9]{1,4}(\\.[0-9]{1,3})?$',
        expected: 'a number of processors such as 0.5 or 2',
        description: 'Processors.',
      }),
    ),
    disk: Type.Optional(size({ description: 'Budget of disk space; above it a finding is raised.' })),
  },
  { expected: 'a map with memory, cpus and disk', description: 'Limits.' },
);

const properties = {
  type: oneOf(['docker', 'local', 'native'], {
    code: 'invalid-service-type',
    description:
      '`docker` (Docker Compose), `local` (a Python app run by uv, or any supervised command), `native` (systemd, launchd or rc.d unit).',
  }),
  machine: Type.Optional(name({ description: 'The machine that it runs on.' })),
  machines: Type.Optional(machines),
  path: absolutePath({ description: 'Absolute folder on the machine; made when missing.' }),
  source: Type.Optional(
    relativePath({
      expected: 'a folder in the repository, without ..',
      description: 'Folder in the repository whose files are kept at `path`.',
    }),
  ),
  compose_file: Type.Optional(
    relativePath({
      description:
        'Compose file; default the first of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml.',
    }),
  ),
  compose_project: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9_-]*$',
      maxLength: 255,
      expected: 'a project name of a-z, 0-9, _ and - (not _ or - first)',
      description: 'Compose project; default: the service’s name. What was adopted keeps its own.',
    }),
  ),
  compose_service: Type.Optional(
    safeWord('the name of a Compose service', { description: 'Inner service that env, resources and ports are for.' }),
  ),
  images: Type.Optional(
    byName(pin, wordPattern, 'the name of a Compose service', {
      description: 'Pins: inner service → image@digest, or the id of an image that its machine has.',
    }),
  ),
  pull: Type.Optional(
    oneOf(['missing', 'always', 'never'], { description: 'When images are pulled, at a change.', default: 'missing' }),
  ),
  build: Type.Optional(build),
  command: Type.Optional(command('What to run, in `path`; never a shell unless you write `sh -c`.')),
  stop_timeout: Type.Optional(duration({ description: 'TERM, then KILL after this time.', default: 10 })),
  log_file: Type.Optional(anyPath({ description: 'Log where there is no journal; default <path>/.portoser/log.' })),
  service_name: Type.Optional(
    safeWord('a unit name', { description: 'Name of the unit; default: the service’s name.' }),
  ),
  user: Type.Optional(safeWord('a user name', { description: 'Run as; default: the SSH user.' })),
  scope: Type.Optional(
    oneOf(['system', 'user', 'none'], {
      description: 'System or user units; `none`: the bare supervisor.',
      default: 'system',
    }),
  ),
  port: Type.Optional(portOrAuto({ description: 'Primary host port, or `auto`; given to the process as PORT.' })),
  ports: Type.Optional(
    list(port(), { expected: 'a list of ports', description: 'All host ports that it listens on.' }),
  ),
  port_mapping: Type.Optional(
    oneOrMany(mapping, 'a map such as {host: 8080, container: 80}, or a list of them', {
      description: 'Published ports.',
    }),
  ),
  env: Type.Optional(byName(envValue, ...variable, { description: 'Environment.' })),
  env_file: Type.Optional(
    oneOrMany(anyPath(), 'a file, or a list of files', {
      description: 'Files with environment variables; `env` wins over them.',
    }),
  ),
  vault_secrets: Type.Optional(
    list(secret, { expected: 'a list of {path, keys}', description: 'Secrets by reference.' }),
  ),
  secrets_as: Type.Optional(oneOf(['env', 'files'], { description: 'How secrets reach the process.', default: 'env' })),
  resources: Type.Optional(resources),
  depends_on: Type.Optional(
    oneOrMany(name(), 'a service, or a list of services', { description: 'Services that must be healthy first.' }, 0),
  ),
  health: Type.Optional(healthSchema),
  hostname: Type.Optional(dnsName({ description: 'Host name that is routed to it.' })),
  expose: Type.Optional(oneOf(['internal', 'public'], { description: 'Routed by Caddy inside, or to the world.' })),
  tls: Type.Optional(tls),
  critical: Type.Optional(
    Type.Boolean({ expected: 'true or false', description: 'Healed also inside a denying window.', default: false }),
  ),
  stateful: Type.Optional(
    Type.Boolean({
      expected: 'true or false',
      description: 'Never two at once, never moved without its data or an approval.',
      default: false,
    }),
  ),
  data: Type.Optional(oneOf(['copy'], { expected: 'copy', description: 'A move copies `path` and named volumes.' })),
  group: Type.Optional(name({ description: 'Group that it belongs to.' })),
  tags: Type.Optional(tags()),
  description: Type.Optional(freeText({ description: 'For people.' }, 4096)),
  vars: Type.Optional(vars()),
  suspend: Type.Optional(suspend({ description: '`true` or a reason: look, touch nothing.', default: false })),
  policy: Type.Optional(servicePolicySchema),
};

/** Words of Compose files and of older registries. */
const elsewhere = {
  ...Object.fromEntries(['image', 'volumes', 'restart', 'networks', 'labels'].map(key => [key, 'the Compose file'])),
  environment: '`env`',
  host: '`machine`',
  healthcheck: '`health`',
  dependencies: '`depends_on`',
};

export const serviceSchema = fields(properties, {
  description: 'A service.',
  expected: 'a service: type, machine, path, …',
  elsewhere,
});

const { machine: _machine, machines: _machines, ...defaultable } = properties;

/** Keys of a service that `defaults` may hold, beside `machine`, which there means the defaults of machines. */
export const serviceDefaults = Object.fromEntries(
  Object.entries(defaultable).map(([key, schema]) => [key, Type.Optional(schema)]),
);

/** A service as a person writes it (templates filled, defaults merged). */
export type ServiceText = Static<typeof serviceSchema>;
