// Services of the older form → services: those of one compose file on one host become one, since a service is a Compose project here.
import type { Host } from './import-hosts.js';
import { healthOf } from './import-health.js';
import {
  type Fields,
  isFields,
  mapAt,
  type Old,
  portOf,
  sayOthers,
  wordAt,
  wordOf,
  wordsAt,
  wordsOf,
} from './import-old.js';
import { optional } from './optional.js';
import { composeNames } from './parse-repository.js';
import { normalPath } from './paths.js';
import { safeName } from './safe-name.js';

/** One service of ours, and the old ones that it stands for. */
export interface Draft {
  readonly name: string;
  readonly from: readonly string[];
  readonly entry: Fields;
}

interface Written {
  readonly name: string;
  readonly value: Fields;
  readonly host: Host;
}

const known = [
  'hostname',
  'current_host',
  'deployment_type',
  'docker_compose',
  'service_file',
  'service_name',
  'command',
  'port',
  'dependencies',
  'healthcheck_url',
  'description',
  'tls_cert',
  'tls_key',
  'ca_cert',
];

/** Paths were written from the host's folder on, with a slash before them; these are the places where absolute ones lie. */
const roots = /^\/(opt|srv|home|Users|var|etc|usr|root|mnt|media|data|Volumes|volume\d+|private|Library)\//;

function fullPath(path: string, base: string | undefined): string | undefined {
  const own = normalPath(path);
  if (base !== undefined && own.startsWith(`${base}/`)) return own;
  if (roots.test(own)) return own;
  return base === undefined ? undefined : normalPath(`${base}/${own}`);
}

const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/')) || '/';
const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** As Compose calls a project after its folder (compose-go, loader.NormalizeProjectName). */
const projectOf = (folder: string): string =>
  lastOf(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');

function typeOf({ value }: Written): string {
  const type = wordOf(value['deployment_type']);
  return type ?? (value['docker_compose'] === undefined ? 'nothing' : 'docker');
}

/** What all types have in common. `names`: the new name of each old one. */
function commonOf(old: Old, { name, value }: Written, names: ReadonlyMap<string, string>): Fields {
  const service = ['services', name];
  const at = (key: string) => [...service, key];
  const port = portOf(value['port']);
  if (value['port'] !== undefined && port === undefined) old.say(at('port'), 'is no port');
  const certificate = ['tls_cert', 'tls_key', 'ca_cert'].find(key => value[key] !== undefined);
  if (certificate !== undefined) old.say(at(certificate), 'certificates of one’s own have no counterpart');
  sayOthers(old, service, value, known);
  const needs = wordsAt(old, service, value, 'dependencies').flatMap(one => {
    const wanted = names.get(one);
    if (wanted === undefined) old.say(at('dependencies'), `\`${one}\` is no service that was carried over`);
    return wanted === undefined || wanted === names.get(name) ? [] : [wanted];
  });
  return {
    ...optional('port', port),
    ...optional('depends_on', needs.length === 0 ? undefined : [...new Set(needs)]),
    ...optional('health', healthOf(old, name, value, port)),
    ...optional('hostname', wordAt(old, service, value, 'hostname')),
    ...optional('description', wordAt(old, service, value, 'description')),
  };
}

/** Names keys that stand there, and of which nothing is made in this place. */
function sayUnused(old: Old, { name, value }: Written, keys: readonly string[], why: string): void {
  const nothing = (key: string) => value[key] === undefined || value[key] === null || value[key] === '';
  for (const key of keys) if (!nothing(key)) old.say(['services', name, key], `is left out: ${why}`);
}

const listOf = (entries: readonly Fields[], key: string): readonly unknown[] => [
  ...new Set(
    entries.flatMap(entry => (Array.isArray(entry[key]) ? (entry[key] as readonly unknown[]) : (entry[key] ?? []))),
  ),
];

/** A check on a port of its own says so, since the service has the first one's. */
function healthAt(entry: Fields, port: unknown): unknown {
  const { health } = entry;
  return isFields(health) && entry['port'] !== port ? { ...optional('port', entry['port']), ...health } : health;
}

/** Words of the first that says any; what others say besides is named. */
function merged(old: Old, all: readonly Written[], entries: readonly Fields[]): Fields {
  const [first = {}] = entries;
  const said = new Map<string, unknown>();
  for (const key of ['health', 'hostname', 'description'])
    for (const [index, entry] of entries.entries()) {
      if (entry[key] === undefined) continue;
      const written = key === 'health' ? 'healthcheck_url' : key;
      if (said.has(key))
        old.say(['services', all[index]?.name ?? '', written], 'is left out: its service has another one');
      else said.set(key, key === 'health' ? healthAt(entry, first['port']) : entry[key]);
    }
  const ports = listOf(entries, 'port');
  const needs = listOf(entries, 'depends_on');
  return {
    ...optional('port', first['port'] ?? ports[0]),
    ...optional('ports', ports.length > 1 ? ports : undefined),
    ...optional('depends_on', needs.length === 0 ? undefined : needs),
    ...Object.fromEntries(said),
  };
}

interface Placed extends Written {
  readonly file: string | undefined;
}

function dockerEntry(old: Old, name: string, all: readonly Placed[], names: ReadonlyMap<string, string>): Fields {
  const [first] = all;
  const path = folderOf(first?.file ?? '');
  const file = lastOf(first?.file ?? '');
  const project = projectOf(path);
  const single = all.length === 1 ? first : undefined;
  const inner = single === undefined ? undefined : wordAt(old, ['services', single.name], single.value, 'service_name');
  for (const one of all) {
    sayUnused(old, one, ['command'], 'what a Compose project runs stands in its file');
    if (single === undefined) sayUnused(old, one, ['service_name'], `\`${name}\` is the whole Compose project`);
  }
  const common = merged(
    old,
    all,
    all.map(one => commonOf(old, one, names)),
  );
  return {
    type: 'docker',
    machine: first?.host.name,
    path,
    ...optional('compose_file', composeNames.includes(file) ? undefined : file),
    ...optional('compose_project', project === '' || project === name ? undefined : project),
    ...optional('compose_service', inner === name ? undefined : inner),
    ...common,
  };
}

function otherEntry(old: Old, name: string, one: Placed, names: ReadonlyMap<string, string>): Fields | undefined {
  const type = typeOf(one);
  const at = ['services', one.name];
  const command = wordAt(old, at, one.value, 'command');
  const path = one.file === undefined ? fullPath(name, one.host.base) : folderOf(one.file);
  if (path === undefined) {
    old.say(at, 'is left out: its host has no path, and it none of its own');
    return undefined;
  }
  if (type === 'local' && command === undefined) {
    old.say(at, `is left out: what it runs stands in ${one.file ?? 'no file'} there; add it with \`command\``);
    return undefined;
  }
  const unit = type === 'native' ? wordAt(old, at, one.value, 'service_name') : undefined;
  if (type === 'native' && command === undefined)
    old.say(at, `a unit \`${unit ?? name}\` must be there: it is managed, and not written`);
  if (type === 'local') sayUnused(old, one, ['service_name'], 'its unit is called after the service');
  return {
    type,
    machine: one.host.name,
    path,
    ...optional('command', command),
    ...optional('service_name', unit),
    ...commonOf(old, one, names),
  };
}

/** Services whose host was carried over, with the file that they are made from. */
function readWritten(old: Old, hosts: ReadonlyMap<string, Host>): readonly Placed[] {
  return Object.entries(mapAt(old, 'services') ?? {}).flatMap(([name, value]) => {
    const refuse = (why: string) => {
      old.say(['services', name], `is left out: ${why}`);
      return [];
    };
    if (!isFields(value)) return refuse('it says nothing');
    const where = wordOf(value['current_host']);
    const host = hosts.get(where ?? '');
    if (host === undefined)
      return refuse(where === undefined ? 'it has no current_host' : `there is no machine for \`${where}\``);
    const type = typeOf({ name, value, host });
    if (!['docker', 'local', 'native'].includes(type))
      return refuse(`deployment_type \`${type}\` is none of docker, local, native`);
    const compose = wordOf(value['docker_compose']);
    const written = compose ?? wordOf(value['service_file']);
    const file = written === undefined ? undefined : fullPath(written, host.base);
    if (type === 'docker' && file === undefined)
      return refuse(written === undefined ? 'it has no docker_compose' : 'its host has no path');
    if (safeName(name) === undefined) return refuse('no service can be called so');
    for (const key of ['deployment_type', 'docker_compose']) wordAt(old, ['services', name], value, key);
    if (compose === undefined) wordAt(old, ['services', name], value, 'service_file');
    else sayUnused(old, { name, value, host }, ['service_file'], '`docker_compose` says where it lies');
    return [{ name, value, host, file }];
  });
}

function groupsOf(all: readonly Placed[]): readonly (readonly Placed[])[] {
  const groups = new Map<string, readonly Placed[]>();
  for (const one of all) {
    const key = typeOf(one) === 'docker' ? `${one.host.name} ${one.file ?? ''}` : `service ${one.name}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** Several in one compose file are called after its folder, where nothing else is. */
function nameOf(group: readonly Placed[], taken: ReadonlySet<string>): string {
  const [first] = group;
  const own = safeName(first?.name ?? '') ?? '';
  const folder = group.length === 1 ? undefined : safeName(lastOf(folderOf(first?.file ?? '')));
  const free = (name: string | undefined) => (name === undefined || taken.has(name) ? undefined : name);
  const numbered = (number: number): string => free(`${own}-${number}`) ?? numbered(number + 1);
  return free(folder) ?? free(own) ?? numbered(2);
}

export function readServices(old: Old, hosts: ReadonlyMap<string, Host>): readonly Draft[] {
  const groups = groupsOf(readWritten(old, hosts));
  const singles = new Set(
    groups.filter(group => group.length === 1).flatMap(([one]) => safeName(one?.name ?? '') ?? []),
  );
  const named: { readonly name: string; readonly group: readonly Placed[] }[] = [];
  const names = new Map<string, string>();
  for (const group of groups) {
    const taken = new Set([...named.map(one => one.name), ...(group.length > 1 ? singles : [])]);
    const name = nameOf(group, taken);
    named.push({ name, group });
    for (const one of group) {
      names.set(one.name, name);
      if (group.length > 1)
        old.say(['services', one.name], `is an inner service of the Compose project that is \`${name}\` now`);
      else if (one.name !== name) old.say(['services', one.name], `is called \`${name}\` now`);
    }
  }
  const drafts = named.flatMap(({ name, group }) => {
    const [first] = group;
    if (first === undefined) return [];
    const docker = typeOf(first) === 'docker';
    const entry = docker ? dockerEntry(old, name, group, names) : otherEntry(old, name, first, names);
    return entry === undefined ? [] : [{ name, from: group.map(one => one.name), entry }];
  });
  return withoutLost(old, drafts);
}

/** Services that were left out meanwhile are needed by nobody. */
function withoutLost(old: Old, drafts: readonly Draft[]): readonly Draft[] {
  const there = new Set(drafts.map(one => one.name));
  return drafts.map(draft => {
    const { depends_on: needs, ...entry } = draft.entry;
    const [left, lost] = [wordsOf(needs).filter(one => there.has(one)), wordsOf(needs).filter(one => !there.has(one))];
    for (const one of lost)
      old.say(['services', draft.from[0] ?? '', 'dependencies'], `\`${one}\` is no service that was carried over`);
    return lost.length === 0
      ? draft
      : { ...draft, entry: { ...entry, ...optional('depends_on', left.length === 0 ? undefined : left) } };
  });
}
