// What a person may say of a service on the command line or by the API, as keys of the registry.
import type { Static } from 'typebox';
import { AppError } from '../../../schema/errors.js';
import { type Entry, saidOf } from './machine-fields.js';
import { choice, flag, object, text, texts } from './shape.js';

export const serviceFields = {
  type: choice(['docker', 'local', 'native'], 'How it runs'),
  machine: texts('The machine, or several for one placement on each'),
  path: text('Folder on the machine'),
  source: text('Folder in the repository whose files are kept there'),
  command: text('What to run'),
  composeFile: text('Compose file'),
  serviceName: text('Name of the unit'),
  user: text('Run as'),
  scope: choice(['system', 'user', 'none'], 'Whose units'),
  port: text('Primary host port, or auto'),
  env: texts('NAME=value'),
  dependsOn: texts('Services that it needs'),
  healthEndpoint: text('Path of an HTTP health check'),
  hostname: text('Name that it is reached by'),
  group: text('Group'),
  description: text('For people'),
  tags: texts('Tags'),
  stateful: flag('It holds data'),
  critical: flag('It is healed at any time'),
  suspend: flag('Look, touch nothing'),
} as const;

const all = object(serviceFields);
export type ServiceWish = Static<typeof all>;

function portOf(port: string | undefined): number | 'auto' | undefined {
  if (port === undefined || port === 'auto') return port;
  const number = Number(port);
  if (/^\d+$/.test(port) && number >= 1 && number <= 65_535) return number;
  throw new AppError('usage', `\`${port}\` is no port`, { hint: 'A port is a number from 1 to 65535, or `auto`.' });
}

function envOf(pairs: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  if (pairs === undefined) return undefined;
  const entries = pairs.map(pair => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)] as const;
    throw new AppError('usage', `\`${pair}\` is no NAME=value`);
  });
  return Object.fromEntries(entries);
}

/** `machine` and `machines` exclude each other: setting one takes the other away. */
function placesOf(machines: readonly string[] | undefined): Entry {
  const [first, ...others] = machines ?? [];
  if (machines === undefined || first === undefined) return {};
  return others.length === 0 ? { machine: first, machines: null } : { machine: null, machines };
}

/** Keys as the registry writes them, in its usual order; what was not said is left out. Throws `usage` for a port or pair that is none. */
export function serviceEntry(wish: ServiceWish): Entry {
  const { type, machine, path, source, command, user, scope, hostname, group, description, tags } = wish;
  return {
    ...saidOf({ type }),
    ...placesOf(machine),
    ...saidOf({
      path,
      source,
      command,
      compose_file: wish.composeFile,
      service_name: wish.serviceName,
      user,
      scope,
      port: portOf(wish.port),
      env: envOf(wish.env),
      depends_on: wish.dependsOn,
      health: wish.healthEndpoint === undefined ? undefined : { endpoint: wish.healthEndpoint },
      hostname,
      group,
      description,
      tags,
      stateful: wish.stateful,
      critical: wish.critical,
      suspend: wish.suspend,
    }),
  };
}
