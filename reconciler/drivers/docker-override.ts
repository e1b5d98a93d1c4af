// The two files that we lay beside the user's compose file: the override, and the variables that the compose files see.
import { Document, isSeq } from 'yaml';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import { envFileText } from './docker-dotenv.js';
import { type ComposeProject, type InnerService, mapAt, under } from './docker-file.js';
import { innerPort } from './docker-port.js';
import type { GeneratedFile, Ground } from './driver.js';

export const overridePath = (spec: ServiceSpec): string => under(spec.path, '.portoser/compose.override.yml');
export const variablesPath = (spec: ServiceSpec): string => under(spec.path, '.portoser/compose.env');

/** What `${VAR}` in the compose files sees: `env`, and `PORT` as the machine knows it. */
export function variables(spec: ServiceSpec): Readonly<Record<string, string>> {
  return spec.port === undefined ? spec.env : { PORT: String(spec.port), ...spec.env };
}

/** Compose fills `$` in the override as in any file of its own. */
const literal = (value: string): string => value.replaceAll('$', '$$$$');

function saysPort(inner: InnerService): boolean {
  const environment = inner['environment'];
  if (Array.isArray(environment)) return environment.some(line => /^PORT(=|$)/.test(String(line)));
  return 'PORT' in mapAt(inner, 'environment');
}

function environment(spec: ServiceSpec, inner: InnerService): Readonly<Record<string, string>> {
  const port =
    spec.port === undefined || saysPort(inner)
      ? undefined
      : innerPort(spec.port, spec.docker?.portMapping ?? [], inner, variables(spec));
  const all = port === undefined ? spec.env : { PORT: port, ...spec.env };
  return Object.fromEntries(
    Object.keys(all)
      .sort()
      .map(name => [name, literal(all[name] ?? '')]),
  );
}

/**
 * Limits where the file has its own already, else where every Compose v2 takes them. Both are one question for Compose:
 * `mem_limit` beside any `deploy.resources.limits` with other values is an error ("can't set distinct values").
 */
function limits(spec: ServiceSpec, inner: InnerService): Readonly<Record<string, unknown>> {
  const { memoryBytes, cpus } = spec.resources;
  if (memoryBytes === undefined && cpus === undefined) return {};
  const there = mapAt(mapAt(mapAt(inner, 'deploy'), 'resources'), 'limits');
  const short = inner['mem_limit'] !== undefined || inner['cpus'] !== undefined;
  const deployed = !short || Object.keys(there).length > 0;
  const processors = cpus === undefined ? {} : { cpus: String(cpus) };
  const memory = (name: string) => (memoryBytes === undefined ? {} : { [name]: String(memoryBytes) });
  return {
    ...(short ? { ...memory('mem_limit'), ...processors } : {}),
    ...(deployed ? { deploy: { resources: { limits: { ...memory('memory'), ...processors } } } } : {}),
  };
}

function ourWords(spec: ServiceSpec, inner: InnerService): Readonly<Record<string, unknown>> {
  const env = environment(spec, inner);
  const ports = [...new Set((spec.docker?.portMapping ?? []).map(one => `${one.host}:${one.container}`))];
  return {
    ...(Object.keys(env).length === 0 ? {} : { environment: env }),
    ...(spec.envFiles.length === 0 ? {} : { env_file: spec.envFiles.map(file => literal(under(spec.path, file))) }),
    ...(ports.length === 0 ? {} : { ports }),
    ...limits(spec, inner),
  };
}

/** Inner services that end by themselves, as their dependants say: no fault when they have (compose-spec, depends_on). */
function jobsOf(project: ComposeProject): ReadonlySet<string> {
  const waits = Object.values(project.services).flatMap(inner => Object.entries(mapAt(inner, 'depends_on')));
  const ends = waits.filter(([, how]) => mapAt({ how }, 'how')['condition'] === 'service_completed_successfully');
  return new Set(ends.map(([name]) => name));
}

/** Fault or not when it has ended with 0: `yes` a job, `no` it should run, `maybe` nothing in the file tells. */
function jobLabel(
  name: string,
  inner: InnerService,
  chosen: string | undefined,
  jobs: ReadonlySet<string>,
): 'yes' | 'no' | 'maybe' {
  if (jobs.has(name)) return 'yes';
  const stays = ['ports', 'expose', 'healthcheck'].some(key => inner[key] !== undefined);
  const restarts = inner['restart'] !== undefined && inner['restart'] !== 'no' && inner['restart'] !== false;
  return name === chosen || stays || restarts ? 'no' : 'maybe';
}

function overrideOf(
  placement: Placement,
  project: ComposeProject,
  chosen: string | undefined,
  cluster: string | undefined,
): object {
  const { spec, fingerprint } = placement;
  const jobs = jobsOf(project);
  const services = Object.entries(project.services).map(([name, inner]) => {
    const image = spec.docker?.images[name];
    const labels = {
      ...(cluster === undefined ? {} : { 'io.portoser.cluster': cluster }),
      'io.portoser.service': spec.service,
      'io.portoser.fingerprint': fingerprint,
      'io.portoser.job': jobLabel(name, inner, chosen, jobs),
    };
    return [
      name,
      {
        labels,
        ...(image === undefined ? {} : { image: literal(image) }),
        ...(name === chosen ? ourWords(spec, inner) : {}),
      },
    ];
  });
  return { services: Object.fromEntries(services) };
}

/** Without the tag Compose adds our ports to those of the user's file. */
function tagPorts(document: Document, chosen: string): void {
  const ports = document.getIn(['services', chosen, 'ports'], true);
  if (isSeq(ports)) ports.tag = '!override';
}

/** Both may hold values that are nobody else's business: 0600, and read by whoever calls Compose: the SSH user, or root. */
export function ourFiles(
  placement: Placement,
  project: ComposeProject,
  chosen: string | undefined,
  ground: Ground,
): readonly GeneratedFile[] {
  const document = new Document(overrideOf(placement, project, chosen, ground.cluster));
  if (chosen !== undefined) tagPorts(document, chosen);
  document.commentBefore = ' Written by Portoser, laid over the compose file. Changes here are undone.';
  // every string in quotes: what YAML 1.1 takes for a truth value or a time stays text
  const text = document.toString({ lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE' });
  const file = (path: string, content: string): GeneratedFile => ({ path, mode: 0o600, text: content, root: false });
  return [
    file(overridePath(placement.spec), text),
    file(variablesPath(placement.spec), envFileText(variables(placement.spec))),
  ];
}
