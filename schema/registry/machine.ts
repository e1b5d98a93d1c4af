// What registry.yml may say about a machine.
import { Type, type Static } from 'typebox';
import { fields, host, line, name, oneOf, oneOrMany, port, safeWord, suspend, tags, vars } from './leaf.js';

const hostKey = Type.String({
  pattern:
    '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}( [^\\u0000-\\u001f\\u007f]*)?$',
  maxLength: 8192,
  expected: 'a public key such as ssh-ed25519 AAAA…',
});

const keyFile = Type.String({
  pattern: '^(~/|/)[^\\u0000-\\u001f\\u007f]+$',
  expected: 'a path that begins with / or ~/',
  code: 'invalid-path',
  description: 'Private key on the controller; default ~/.ssh/id_ed25519, then ~/.ssh/id_rsa, then the agent.',
});

const properties = {
  host: host({ description: 'IP or name; `local` is the controller’s own machine, without SSH.' }),
  user: safeWord('a user name', { description: 'SSH user.' }),
  platform: oneOf(['linux', 'darwin', 'bsd'], {
    expected: 'linux, darwin (macOS) or bsd',
    description: 'Operating system.',
  }),
  port: Type.Optional(port({ description: 'SSH port.', default: 22 })),
  ssh_key: Type.Optional(keyFile),
  host_key: Type.Optional(
    oneOrMany(hostKey, 'a public key such as ssh-ed25519 AAAA…, or a list of them', {
      description: 'Pinned public key(s): with it known_hosts is not asked.',
    }),
  ),
  jump: Type.Optional(
    oneOrMany(name(), 'the name of a machine, or a list of them', {
      description: 'A machine, or list of machines, to go through, first hop first.',
    }),
  ),
  sudo: Type.Optional(
    oneOf(['auto', 'never', 'always'], {
      description: 'Where sudo is used: per step where needed, never, always.',
      default: 'auto',
    }),
  ),
  arch: Type.Optional(
    oneOf(['amd64', 'arm64', 'arm'], {
      description: 'Processor; default: probed. A value that the probe contradicts is a problem.',
    }),
  ),
  vault_role: Type.Optional(safeWord('a role name', { description: 'Name of this machine’s Vault AppRole.' })),
  description: Type.Optional(line({ description: 'For people.' })),
  tags: Type.Optional(tags()),
  suspend: Type.Optional(suspend({ description: '`true` or a reason: look, touch nothing.', default: false })),
  auto_ports: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,5}-[0-9]{1,5}$',
      expected: 'a range of ports such as 20000-29999',
      code: 'invalid-port',
      description: 'Range for `port: auto`.',
      default: '20000-29999',
    }),
  ),
  vars: Type.Optional(vars()),
};

export const machineSchema = fields(properties, {
  description: 'A machine.',
  expected: 'a machine: host, user and platform',
});

export const machineDefaultsSchema = Type.Partial(machineSchema, {
  description: 'Defaults for all machines.',
  additionalProperties: false,
  patternProperties: { '^x-': {} },
  expected: 'a map of defaults for machines',
});

/** A machine as a person writes it (templates filled). */
export type MachineText = Static<typeof machineSchema>;
