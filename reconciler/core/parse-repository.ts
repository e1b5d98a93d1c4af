// What only the repository's files can tell: whether a source folder is there, and which Compose file and inner service are meant.
import { didYouMean } from '../../schema/closest.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Report } from './parse-report.js';
import type { PlacedSpec } from './parse-spec.js';
import { readYaml } from './yaml-text.js';

export interface RepositoryFacts {
  /** All paths of the repository. */
  readonly paths?: readonly string[] | undefined;
  /** Texts of Compose files by path. */
  readonly composeFiles?: ReadonlyMap<string, string> | undefined;
}

/** In the order in which Compose itself looks (https://docs.docker.com/compose/intro/compose-application-model/). */
export const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];

/** The placement with what the repository settles. */
export function withRepository(placed: PlacedSpec, facts: RepositoryFacts, report: Report): PlacedSpec {
  checkSource(placed, facts.paths, report);
  const service = innerService(placed, facts, report);
  const { docker } = placed.spec;
  if (service === undefined || docker === undefined) return placed;
  return { ...placed, spec: { ...placed.spec, docker: { ...docker, composeService: service } } };
}

/** `source: .` is the root of the repository. */
const within = (source: string, name: string): string => (source === '' ? name : `${source}/${name}`);

function checkSource({ spec, layered }: PlacedSpec, paths: readonly string[] | undefined, report: Report): void {
  const { source } = spec;
  if (source === undefined || paths === undefined) return;
  const at = [...layered.base, 'source'];
  const inside = paths.filter(path => path.startsWith(within(source, '')));
  if (paths.includes(source)) {
    report.at(layered.locate, at, 'source-unusable', `\`${source}\` is a file, not a folder`, {
      expected: 'a folder in the repository',
    });
  } else if (inside.length === 0) {
    const folders = [
      ...new Set(paths.flatMap(path => (path.includes('/') ? [path.slice(0, path.lastIndexOf('/'))] : []))),
    ];
    report.at(layered.locate, at, 'source-missing', `there is no folder \`${source}\` in the repository`, {
      hint: didYouMean(source, folders),
    });
  } else if (spec.type === 'docker' && spec.docker?.composeFile === undefined) {
    warnTwoFiles(
      composeNames.filter(name => inside.includes(within(source, name))),
      { spec, layered },
      report,
    );
  }
}

function warnTwoFiles(
  names: readonly string[],
  { spec, layered }: Pick<PlacedSpec, 'spec' | 'layered'>,
  report: Report,
): void {
  if (names.length < 2) return;
  const message = `${names.join(' and ')} are both in \`${spec.source || '.'}\`; ${names[0] ?? ''} is taken`;
  report.at(layered.locate, [...layered.base, 'source'], 'two-compose-files', message, {
    severity: 'warning',
    hint: 'keep one, or write compose_file',
  });
}

function composeText(
  { source, docker }: ServiceSpec,
  files: ReadonlyMap<string, string>,
): { readonly path: string; readonly text: string } | undefined {
  const names = docker?.composeFile === undefined ? composeNames : [docker.composeFile];
  const path = names.map(name => within(source ?? '', name)).find(one => files.has(one));
  const text = path === undefined ? undefined : files.get(path);
  return path === undefined || text === undefined ? undefined : { path, text };
}

/** Something of ours goes to an inner service. */
function needsInner({ env, envFiles, resources, docker, unsupported }: ServiceSpec): boolean {
  const limits = resources.memoryBytes !== undefined || resources.cpus !== undefined;
  return (
    Object.keys(env).length > 0 ||
    envFiles.length > 0 ||
    limits ||
    (docker?.portMapping.length ?? 0) > 0 ||
    unsupported.includes('vault_secrets')
  );
}

function innerService(
  { spec, layered }: PlacedSpec,
  { composeFiles }: RepositoryFacts,
  report: Report,
): string | undefined {
  if (spec.docker === undefined || spec.source === undefined || composeFiles === undefined) return undefined;
  const compose = composeText(spec, composeFiles);
  const names = compose === undefined ? [] : serviceNames(compose.text);
  const wanted = spec.docker.composeService;
  if (compose === undefined || names.length === 0) return undefined;
  if (wanted !== undefined && !names.includes(wanted)) {
    const message = `there is no service \`${wanted}\` in ${compose.path}`;
    report.at(layered.locate, [...layered.base, 'compose_service'], 'compose-service-unclear', message, {
      hint: didYouMean(wanted, names),
    });
  }
  if (wanted !== undefined) return wanted;
  const chosen = names.includes(spec.service) ? spec.service : names.length === 1 ? names[0] : undefined;
  if (chosen === undefined && needsInner(spec)) {
    const message = `${compose.path} has several services, and none is called \`${spec.service}\``;
    report.at(layered.locate, layered.base, 'compose-service-unclear', message, {
      where: 'key',
      hint: `write compose_service: ${names.join(' or ')}`,
    });
  }
  return chosen;
}

function serviceNames(text: string): readonly string[] {
  const { value } = readYaml('', text);
  const services =
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'services')
      ? (value as { services: unknown }).services
      : undefined;
  return typeof services === 'object' && services !== null && !Array.isArray(services) ? Object.keys(services) : [];
}
