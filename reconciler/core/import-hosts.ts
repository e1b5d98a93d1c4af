// Hosts of the older form → machines.
import type { Arch, Platform } from '../../schema/registry-types.js';
import { type Fields, isFields, mapAt, type Old, portOf, sayOthers, wordAt, wordOf, wordsAt } from './import-old.js';
import { optional } from './optional.js';
import { normalPath } from './paths.js';
import { safeName } from './safe-name.js';

export interface Host {
  readonly name: string;
  readonly entry: Fields;
  /** Folder that its services lie below; absent: it has none that can be used. */
  readonly base?: string;
}

const known = ['ip', 'ssh_user', 'ssh_port', 'ssh_key', 'path', 'arch', 'roles', 'description'];

function archOf(words: string): Arch | undefined {
  if (/arm64|aarch64/i.test(words)) return 'arm64';
  if (/amd64|x86_64|x64/i.test(words)) return 'amd64';
  return /arm/i.test(words) ? 'arm' : undefined;
}

function platformOf(words: string): Platform | undefined {
  if (/apple|darwin|mac/i.test(words)) return 'darwin';
  if (/bsd/i.test(words)) return 'bsd';
  return /linux|debian|ubuntu|raspb/i.test(words) ? 'linux' : undefined;
}

/** `arm64-apple`, `linux/amd64`: where it does not name the system, the path may. */
function kindOf(old: Old, name: string, host: Fields): { readonly arch?: Arch; readonly platform: Platform } {
  const words = wordAt(old, ['hosts', name], host, 'arch') ?? '';
  const arch = archOf(words);
  if (words !== '' && arch === undefined) old.say(['hosts', name, 'arch'], `\`${words}\` is none of amd64, arm64, arm`);
  const named = platformOf(words);
  const guessed = /^\/(Users|Volumes)\//.test(wordOf(host['path']) ?? '') ? 'darwin' : 'linux';
  if (named === undefined) old.say(['hosts', name], `does not say its system: \`platform: ${guessed}\` is a guess`);
  return { ...optional('arch', arch), platform: named ?? guessed };
}

const tagOf = (role: string): string => role.replaceAll(/[^A-Za-z0-9_.@:-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '');

function hostOf(old: Old, name: string, host: Fields): Host | undefined {
  const at = ['hosts', name];
  const ip = wordOf(host['ip']);
  const user = wordOf(host['ssh_user']);
  const machine = safeName(name);
  if (machine === undefined || ip === undefined || user === undefined) {
    old.say(at, `is left out: its ${ip === undefined ? 'ip' : user === undefined ? 'ssh_user' : 'name'} is missing`);
    return undefined;
  }
  if (machine !== name) old.say(at, `is called \`${machine}\` now`);
  const port = portOf(host['ssh_port']);
  if (host['ssh_port'] !== undefined && port === undefined) old.say([...at, 'ssh_port'], 'is no port');
  const path = wordAt(old, at, host, 'path');
  if (path !== undefined && !path.startsWith('/')) old.say([...at, 'path'], `\`${path}\` is no absolute folder`);
  sayOthers(old, at, host, known);
  const roles = wordsAt(old, at, host, 'roles');
  for (const role of roles) if (tagOf(role) === '') old.say([...at, 'roles'], `no tag can be called \`${role}\``);
  const tags = roles.map(tagOf).filter(tag => tag !== '');
  const entry = {
    host: /^(localhost|127\.0\.0\.1|::1)$/.test(ip) ? 'local' : ip,
    user,
    ...kindOf(old, name, host),
    ...optional('port', port === 22 ? undefined : port),
    ...optional('ssh_key', wordAt(old, at, host, 'ssh_key')),
    ...optional('description', wordAt(old, at, host, 'description')),
    ...optional('tags', tags.length === 0 ? undefined : [...new Set(tags)]),
  };
  return { name: machine, entry, ...optional('base', path?.startsWith('/') === true ? normalPath(path) : undefined) };
}

/** By the old name. */
export function readHosts(old: Old): ReadonlyMap<string, Host> {
  const hosts = new Map<string, Host>();
  for (const [name, value] of Object.entries(mapAt(old, 'hosts') ?? {})) {
    const host = isFields(value) ? hostOf(old, name, value) : undefined;
    if (!isFields(value)) old.say(['hosts', name], 'is left out: it says nothing');
    const double = [...hosts].find(([, one]) => one.name === host?.name);
    if (host !== undefined && double !== undefined)
      old.say(['hosts', name], `is left out: it would be called as \`${double[0]}\``);
    else if (host !== undefined) hosts.set(name, host);
  }
  return hosts;
}
