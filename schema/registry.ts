// registry.yml as a person writes it: the schema of the whole file, for editors and documentation, and of its parts, for checking.
import { Type } from 'typebox';
import { dnsName, fields, name, named, vars } from './registry/leaf.js';
import { machineDefaultsSchema, machineSchema } from './registry/machine.js';
import { notifySchema } from './registry/notify.js';
import { registryPolicySchema } from './registry/policy.js';
import * as sections from './registry/sections.js';
import { serviceDefaults, serviceSchema } from './registry/service.js';

export type { ServiceText } from './registry/service.js';
export type { PolicyText } from './registry/policy.js';
export type { MachineText } from './registry/machine.js';
export type { HealthText } from './registry/health.js';

const optional = Type.Optional;

const defaultsSchema = fields(
  { ...serviceDefaults, machine: optional(machineDefaultsSchema) },
  {
    description: 'Defaults for services (any of their keys) and, under `machine`, for machines.',
    expected: 'a map of defaults',
  },
);

const rest = {
  cluster: optional(name({ description: 'Name of this cluster.', default: 'default' })),
  groups: optional(sections.groupsSchema),
  vars: optional(vars()),
  include: optional(sections.includeSchema),
  domain: optional(dnsName({ description: 'Suffix of service host names.', default: 'internal' })),
  policy: optional(registryPolicySchema),
  caddy: optional(sections.caddySchema),
  dns: optional(sections.dnsSchema),
  vault: optional(sections.vaultSchema),
  ca: optional(sections.caSchema),
  notify: optional(notifySchema),
  healing: optional(sections.healingSchema),
  mcp: optional(sections.mcpSchema),
  status_page: optional(sections.statusPageSchema),
};

const anything = Type.Unsafe<unknown>({});

/** The whole file. */
export const registrySchema = fields(
  {
    ...rest,
    machines: optional(named(machineSchema, { description: 'Machines by name.' })),
    services: optional(named(serviceSchema, { description: 'Services by name.' })),
    defaults: optional(defaultsSchema),
  },
  { description: 'The registry of Portoser: machines, and the services on them.' },
);

/** The parts that are checked one by one: each entry gets its own positions, templates can be filled first, and only what is used is compiled. */
export const parts = {
  /** The top level without what stands below its keys. */
  file: fields(
    {
      ...Object.fromEntries(Object.keys({ ...rest, defaults: 0 }).map(key => [key, optional(anything)])),
      machines: optional(named(anything)),
      services: optional(named(anything)),
    },
    { expected: 'a map with machines and services' },
  ),
  machine: machineSchema,
  service: serviceSchema,
  ...rest,
};

export type PartName = keyof typeof parts;
