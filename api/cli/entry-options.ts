// Options that stand for keys of the registry, and how their words become the input of an operation.
import { AppError } from '../../schema/errors.js';
import { didYouMean } from '../../schema/closest.js';
import { wholeNumber } from './one-word.js';

const text = (value: string, summary: string) => ({ type: 'string', value, summary }) as const;
const list = (value: string, summary: string) => ({ type: 'string', multiple: true, value, summary }) as const;
const yes = (summary: string) => ({ type: 'boolean', summary }) as const;

export const machineOptions = {
  name: text('name', 'name of the machine (or the first word)'),
  host: text('address', 'IP or name; `local` is this machine itself'),
  user: text('user', 'SSH user'),
  platform: text('linux|darwin|bsd', 'operating system'),
  port: text('number', 'SSH port (22)'),
  'ssh-key': text('file', 'private key on the controller'),
  jump: list('machine', 'machine to go through; may be given several times'),
  sudo: text('auto|never|always', 'where sudo is used'),
  arch: text('amd64|arm64|arm', 'processor (probed)'),
  description: text('text', 'for people'),
  tag: list('tag', 'may be given several times'),
  suspend: yes('look, touch nothing'),
} as const;

export const serviceOptions = {
  name: text('name', 'name of the service (or the first word)'),
  type: text('docker|local|native', 'how it runs'),
  path: text(
    'folder',
    'folder on the machine (the registry is named before the command: portoser --path … service add)',
  ),
  machine: list('machine', 'where it runs; several for one placement on each'),
  source: text('folder', 'folder in the repository whose files are kept at path'),
  command: text('words', 'what to run'),
  'compose-file': text('file', 'compose file'),
  'service-name': text('unit', 'name of the unit'),
  user: text('user', 'run as'),
  scope: text('system|user|none', 'whose units'),
  port: text('number|auto', 'primary host port'),
  env: list('NAME=value', 'may be given several times'),
  'depends-on': list('service', 'may be given several times'),
  health: text('/path', 'path of an HTTP health check'),
  hostname: text('name', 'name that it is reached by'),
  group: text('name', 'group'),
  description: text('text', 'for people'),
  tag: list('tag', 'may be given several times'),
  stateful: yes('it holds data'),
  critical: yes('it is healed at any time'),
  suspend: yes('look, touch nothing'),
} as const;

export const unsetOption = {
  unset: list('key', 'take a key of the registry away; may be given several times'),
} as const;

/** One of the words, or `usage` with the nearest one. */
export function oneOf<const W extends readonly string[]>(
  option: string,
  value: string | undefined,
  words: W,
): W[number] | undefined {
  if (value === undefined) return undefined;
  const found = words.find(word => word === value);
  if (found !== undefined) return found;
  const hint = didYouMean(value, words);
  throw new AppError(
    'usage',
    `--${option} is \`${value}\`, which is none of ${words.join(', ')}`,
    hint === undefined ? {} : { hint },
  );
}

const platforms = ['linux', 'darwin', 'bsd'] as const;
const archs = ['amd64', 'arm64', 'arm'] as const;
const sudos = ['auto', 'never', 'always'] as const;
const types = ['docker', 'local', 'native'] as const;
const scopes = ['system', 'user', 'none'] as const;

interface MachineValues {
  readonly [name: string]: unknown;
  readonly host?: string;
  readonly user?: string;
  readonly platform?: string;
  readonly port?: string;
  readonly 'ssh-key'?: string;
  readonly jump?: readonly string[];
  readonly sudo?: string;
  readonly arch?: string;
  readonly description?: string;
  readonly tag?: readonly string[];
  readonly suspend?: boolean;
}

const copy = (values: readonly string[] | undefined): string[] | undefined =>
  values === undefined ? undefined : [...values];

export function machineInput(values: MachineValues) {
  const { host, user, description, suspend, port } = values;
  return {
    host,
    user,
    platform: oneOf('platform', values.platform, platforms),
    port: port === undefined ? undefined : wholeNumber(port, 'port'),
    sshKey: values['ssh-key'],
    jump: copy(values.jump),
    sudo: oneOf('sudo', values.sudo, sudos),
    arch: oneOf('arch', values.arch, archs),
    description,
    tags: copy(values.tag),
    suspend,
  };
}

interface ServiceValues {
  readonly [name: string]: unknown;
  readonly type?: string;
  readonly path?: string;
  readonly machine?: readonly string[];
  readonly source?: string;
  readonly command?: string;
  readonly 'compose-file'?: string;
  readonly 'service-name'?: string;
  readonly user?: string;
  readonly scope?: string;
  readonly port?: string;
  readonly env?: readonly string[];
  readonly 'depends-on'?: readonly string[];
  readonly health?: string;
  readonly hostname?: string;
  readonly group?: string;
  readonly description?: string;
  readonly tag?: readonly string[];
  readonly stateful?: boolean;
  readonly critical?: boolean;
  readonly suspend?: boolean;
}

export function serviceInput(values: ServiceValues) {
  const { path, source, command, user, port, hostname, group, description, stateful, critical, suspend } = values;
  return {
    type: oneOf('type', values.type, types),
    path,
    machine: copy(values.machine),
    source,
    command,
    composeFile: values['compose-file'],
    serviceName: values['service-name'],
    user,
    scope: oneOf('scope', values.scope, scopes),
    port,
    env: copy(values.env),
    dependsOn: copy(values['depends-on']),
    healthEndpoint: values.health,
    hostname,
    group,
    description,
    tags: copy(values.tag),
    stateful,
    critical,
    suspend,
  };
}

/** The value of an option that must be there, or `usage`. */
export function need<T>(option: string, value: T | undefined): T {
  if (value === undefined) throw new AppError('usage', `--${option} is missing`);
  return value;
}

/** The name, as --name or as the only word. */
export function nameOf(
  call: { readonly words: readonly string[]; readonly values: { readonly name?: string } },
  what: string,
): string {
  const names = [...(call.values.name === undefined ? [] : [call.values.name]), ...call.words];
  const [name, ...more] = names;
  if (name === undefined)
    throw new AppError('usage', `the name of the ${what} is missing`, { hint: 'Give it with --name.' });
  if (more.length > 0) throw new AppError('usage', `\`${more.join(' ')}\` is not understood here`);
  return name;
}
