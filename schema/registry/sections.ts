// What registry.yml may say in the sections beside machines and services.
import { Type } from 'typebox';
import { absolutePath, duration, fields, line, list, name, named, oneOf, url } from './leaf.js';

const optional = Type.Optional;

export const caddySchema = fields(
  {
    machine: name({ description: 'Machine that Caddy runs on.' }),
    admin: optional(line({ description: 'Admin address there.', default: 'localhost:2019' })),
    email: optional(line({ description: 'For ACME.' })),
    acme_ca: optional(url({ description: 'ACME directory.' })),
  },
  { description: 'Routing by Caddy.' },
);

export const dnsSchema = fields(
  {
    machine: name({ description: 'Machine that answers names.' }),
    type: oneOf(['dnsmasq', 'hosts', 'pihole']),
    file: optional(absolutePath({ description: 'File that is written there.' })),
  },
  { description: 'Names of services.' },
);

export const vaultSchema = fields(
  {
    address: url({ description: 'Address of Vault or OpenBao.' }),
    mount: optional(line({ default: 'secret' })),
    namespace: optional(line()),
    ca_cert: optional(line({ description: 'CA certificate, a file on the controller.' })),
    approle_mount: optional(line({ default: 'approle' })),
    interval: optional(duration({ description: 'How often versions are looked at.', default: '5m' })),
  },
  { description: 'Secret store.' },
);

export const caSchema = fields(
  {
    lifetime: optional(duration({ description: 'How long certificates are good.', default: '90d' })),
    key: optional(oneOf(['file', 'vault'], { description: 'Where the CA’s key lies.' })),
  },
  { description: 'Our own certificate authority.' },
);

export const healingSchema = fields(
  {
    auto: optional(
      oneOf(['none', 'low', 'medium', 'high'], { description: 'Highest risk that runs unasked.', default: 'medium' }),
    ),
    tries_per_hour: optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        expected: 'a number of at least 0',
        description: 'Per placement.',
        default: 5,
      }),
    ),
    settle: optional(duration({ description: 'How long a problem must stay away.', default: '2m' })),
    strangers: optional(oneOf(['ask', 'allow'], { description: 'Whether processes of others may be ended.' })),
    trust: optional(oneOf(['person', 'approve', 'auto'], { description: 'Whose lessons run by themselves.' })),
  },
  { description: 'Healing.' },
);

export const mcpSchema = fields(
  {
    write: optional(oneOf(['never', 'propose'], { default: 'never' })),
    tools: optional(list(Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object', expected: 'a map' }))),
  },
  { description: 'Tools for assistants.' },
);

const shown = Type.Union([list(name()), named(line())], {
  expected: 'a list of names, or a map of name to display name',
});

export const statusPageSchema = fields(
  {
    enabled: optional(Type.Boolean({ expected: 'true or false', default: false })),
    title: optional(line()),
    groups: optional(shown),
    services: optional(shown),
  },
  { description: 'Public status page.' },
);

export const includeSchema = Type.Array(
  Type.String({
    pattern: '^(?![/~-])(?!.*(^|/)\\.\\.(/|$))[^\\u0000-\\u001f\\u007f]+$',
    maxLength: 1024,
    expected: 'a file or glob in the repository, without ..',
    code: 'invalid-path',
  }),
  { maxItems: 1000, expected: 'a list of files or globs', description: 'Further files of the repository, merged.' },
);

export const groupsSchema = named(list(name(), { expected: 'a list of services' }), {
  description: 'Group → services.',
});
