// The user's compose files: which there are, what inner services stand in them, and which one the registry's words are for.
import { parseDocument } from 'yaml';
import { AppError, type ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import type { Ground } from './driver.js';

/** In the order in which Compose looks for them (compose-go, cli/options.go). */
const defaultNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'] as const;
/** Laid over a default file by Compose itself, unless files are named, as we do. */
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
] as const;

/** An inner service as its author wrote it: nothing is checked but that it is a map. */
export type InnerService = Readonly<Record<string, unknown>>;

export interface ComposeProject {
  /** Absolute, in the order in which they are laid over one another. */
  readonly files: readonly [string, ...string[]];
  readonly services: Readonly<Record<string, InnerService>>;
}

export const isReport = (value: object): value is ErrorReport => 'code' in value && 'retry' in value;

/** An absolute path as it is, others below `path`. */
export function under(path: string, name: string): string {
  return name.startsWith('/') ? name : `${path.replace(/\/$/, '')}/${name.replace(/^(\.\/)+/, '')}`;
}

/** Names of compose files that a service may have; with `compose_file` that one alone. */
export function composeNames(spec: ServiceSpec): {
  readonly main: readonly string[];
  readonly over: readonly string[];
} {
  const named = spec.docker?.composeFile;
  return named === undefined ? { main: defaultNames, over: overrideNames } : { main: [named], over: [] };
}

interface Found {
  readonly path: string;
  readonly text?: string;
}

function lookUp(placement: Placement, ground: Ground | undefined, name: string): Found | undefined {
  const { spec } = placement;
  const path = under(spec.path, name);
  if (spec.source !== undefined) {
    const relative = path.slice(under(spec.path, '').length);
    const text = placement.texts[relative];
    if (text !== undefined) return { path, text };
    return placement.source.some(file => file.path === relative) ? { path } : undefined;
  }
  const own = ground?.own[path];
  if (own === undefined || own.sha256 === '') return undefined;
  return own.text === undefined ? { path } : { path, text: own.text };
}

function findFiles(placement: Placement, ground: Ground): readonly Found[] {
  const names = composeNames(placement.spec);
  const [main] = names.main.flatMap(name => lookUp(placement, ground, name) ?? []);
  if (main === undefined) return [];
  return [main, ...names.over.flatMap(name => lookUp(placement, ground, name) ?? []).slice(0, 1)];
}

/** The compose files that are there, for the command line; where none is found, the name that Compose would look for first. */
export function composeFiles(placement: Placement, ground: Ground): readonly string[] {
  const found = findFiles(placement, ground).map(file => file.path);
  return found.length > 0
    ? found
    : [under(placement.spec.path, composeNames(placement.spec).main[0] ?? defaultNames[0])];
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The map at a key, or an empty one. */
export const mapAt = (map: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> => {
  const value = map[key];
  return isMap(value) ? value : {};
};

function invalid(key: string, path: string, why: string): ErrorReport {
  return new AppError('compose-invalid', `${key}: ${path}: ${why}`, { details: { file: path } }).report();
}

/** Aliases are expanded; a file that grows beyond this by them is not one that a person wrote. */
const maxAliasCount = 10_000;

function readServices(key: string, file: Found): ErrorReport | Readonly<Record<string, InnerService>> {
  if (file.text === undefined) {
    const message = `${key}: ${file.path} is there and cannot be read by the SSH user`;
    return new AppError('file-missing', message, {
      hint: 'Let the SSH user read it.',
      details: { file: file.path },
    }).report();
  }
  const document = parseDocument(file.text, { merge: true, logLevel: 'error' });
  const [wrong] = document.errors;
  if (wrong !== undefined) return invalid(key, file.path, wrong.message.split('\n')[0] ?? 'not YAML');
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount });
  } catch (error) {
    return invalid(key, file.path, error instanceof Error ? error.message : String(error));
  }
  if (!isMap(content)) return invalid(key, file.path, 'it is not a map with `services`');
  const services = Object.entries(mapAt(content, 'services'));
  return Object.fromEntries(services.map(([name, inner]) => [name, isMap(inner) ? inner : {}]));
}

function missing(placement: Placement): ErrorReport {
  const { spec, key } = placement;
  const named = spec.docker?.composeFile;
  const where = spec.source === undefined ? spec.path : `${spec.source} in the repository`;
  const what = named ?? `none of ${defaultNames.join(', ')}`;
  const hint =
    named === undefined
      ? 'Put a compose file there, or name yours with compose_file.'
      : 'Put it there, or correct compose_file in the registry.';
  const message = `${key}: ${named === undefined ? `there is ${what} in ${where}` : `there is no ${what} in ${where}`}`;
  return new AppError('file-missing', message, { hint, details: { path: spec.path } }).report();
}

/** Reads the compose files of a placement: from its source, else what stands on the machine. `include`d files are not seen. */
export function readProject(placement: Placement, ground: Ground): ComposeProject | ErrorReport {
  const [main, over] = findFiles(placement, ground);
  if (main === undefined) return missing(placement);
  const services = readServices(placement.key, main);
  if (isReport(services)) return services;
  if (over === undefined) return { files: [main.path], services };
  // what gather did not send is left to Compose
  const more = over.text === undefined ? {} : readServices(placement.key, over);
  if (isReport(more)) return more;
  const names = [...new Set([...Object.keys(services), ...Object.keys(more)])];
  return {
    files: [main.path, over.path],
    services: Object.fromEntries(names.map(name => [name, { ...services[name], ...more[name] }])),
  };
}

/**
 * The inner service that `env`, `resources` and `port_mapping` are for (SPEC 3.3): the named one, the one with our
 * service's name, the only one. undefined: several, and nothing in the registry needs to know.
 */
export function chooseInner(placement: Placement, project: ComposeProject): string | ErrorReport | undefined {
  const { spec } = placement;
  const names = Object.keys(project.services);
  const asked = spec.docker?.composeService;
  if (asked !== undefined)
    return names.includes(asked) ? asked : noInner(placement, `compose_service: ${asked}`, names);
  if (names.includes(spec.service)) return spec.service;
  const always = names.filter(name => project.services[name]?.['profiles'] === undefined);
  if (always.length === 1) return always[0];
  const needed =
    Object.keys(spec.env).length > 0 ||
    spec.envFiles.length > 0 ||
    (spec.docker?.portMapping.length ?? 0) > 0 ||
    spec.resources.memoryBytes !== undefined ||
    spec.resources.cpus !== undefined;
  return needed ? ambiguous(placement, names) : undefined;
}

function noInner(placement: Placement, what: string, names: readonly string[]): ErrorReport {
  const there = names.length === 0 ? 'it has no services' : `there are ${names.join(', ')}`;
  const hint = 'Write the name of one of them in the registry.';
  return new AppError('compose-invalid', `${placement.key}: ${what} is not in the compose file: ${there}`, {
    hint,
  }).report();
}

function ambiguous(placement: Placement, names: readonly string[]): ErrorReport {
  if (names.length === 0) return invalid(placement.key, placement.spec.path, 'the compose file has no services');
  const message = `${placement.key}: the compose file has several services (${names.join(', ')}), and none is called ${placement.spec.service}`;
  const hint = `Say which one env, env_file, resources and port_mapping are for: compose_service: ${names[0]}`;
  return new AppError('compose-invalid', message, { hint }).report();
}

/**
 * Names of images that a registry gives, and Compose would for any machine: not what is built here, what only a profile
 * starts, what has a platform or a way of pulling of its own, nor a name that Compose makes of variables.
 */
export function givenImages({ spec }: Placement, { services }: ComposeProject): readonly string[] {
  const own = ['build', 'profiles', 'platform', 'pull_policy'];
  const names = Object.entries(services).flatMap(([name, inner]) => {
    if (own.some(key => inner[key] !== undefined)) return [];
    return spec.docker?.images[name] ?? inner['image'] ?? [];
  });
  const isName = (image: unknown): image is string =>
    typeof image === 'string' && /^[a-z0-9][\w./:@-]*$/i.test(image) && !/^(sha256:)?[0-9a-f]{64}$/.test(image);
  return [...new Set(names.filter(isName))];
}

/** Pins must name inner services that are there. */
export function checkPins(placement: Placement, project: ComposeProject): ErrorReport | undefined {
  const names = Object.keys(project.services);
  const lost = Object.keys(placement.spec.docker?.images ?? {}).find(name => !names.includes(name));
  return lost === undefined ? undefined : noInner(placement, `images: ${lost}`, names);
}
