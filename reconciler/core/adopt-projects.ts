// Which Compose projects could be taken over as they run, and why others cannot: by the labels that Compose left on their containers.
import type { ComposeSaid, Survey, SurveyedContainer } from './adopt-seen.js';
import { optional } from './optional.js';
import { composeNames } from './parse-repository.js';

/** A project whose files we would use just as they were used. */
export interface FoundProject {
  readonly project: string;
  readonly folder: string;
  /** Absolute: the file, and the override that Compose laid over it by itself. */
  readonly files: readonly string[];
  /** Hashes of the configurations that its containers were made from, by inner service. */
  readonly hashes: ReadonlyMap<string, readonly string[]>;
  /** Host ports that its files name. */
  readonly ports: readonly number[];
}

export interface NotAdoptable {
  readonly what: 'project' | 'unit' | 'container';
  readonly name: string;
  readonly why: string;
  /** It belongs to the system, and nobody would expect it to be taken over. */
  readonly system?: true;
}

/** Laid over a default file by Compose itself (compose-go, cli/options.go), in its order. */
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
] as const;

/** Names in a project's folder whose presence decides which files Compose, and we, would take. */
export const askedNames: readonly string[] = [...composeNames, ...overrideNames];

const refuse = (project: string, why: string): NotAdoptable => ({ what: 'project', name: project, why });

const absolute = (folder: string, file: string): string => (file.startsWith('/') ? file : `${folder}/${file}`);
const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/')) || '/';

/** Files of ours were laid over it when it was ours before. */
const notOurs = (file: string): boolean => !/\/\.portoser\/compose\.(override\.yml|env)$/.test(file);

function pathsOf(folder: string, label: string): readonly string[] {
  const files = label.split(',').filter(file => file !== '');
  return files.map(file => absolute(folder, file)).filter(notOurs);
}

/** Ports that stand in the files; one that the engine chose is another one next time. */
function portsOf(containers: readonly SurveyedContainer[]): readonly number[] {
  const bound = containers.flatMap(one => Object.values(one.bindings ?? {})).flatMap(binding => binding ?? []);
  const ports = bound.flatMap(({ HostPort = '' }) => (/^[1-9]\d*$/.test(HostPort) ? [Number(HostPort)] : []));
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

/** Why its files cannot be used as they were; undefined: they can. */
function unusable(folder: string, files: readonly string[], envFiles: readonly string[]): string | undefined {
  const [main] = files;
  if (folder === '' || main === undefined) return 'its containers do not say which files they were made from';
  if (folderOf(main) !== folder)
    return `its file ${main} does not lie in its project folder ${folder}: bring it up without --project-directory first`;
  const foreign = envFiles.filter(file => file !== `${folder}/.env`);
  if (foreign.length > 0)
    return `it takes its variables from ${foreign.join(', ')} (--env-file): put them into ${folder}/.env, and bring it up without it first`;
  return undefined;
}

function projectOf(project: string, all: readonly SurveyedContainer[]): FoundProject | NotAdoptable {
  const containers = all.filter(one => one.oneOff !== 'True');
  const [first] = containers;
  if (first === undefined) return refuse(project, 'it has only containers of `docker compose run`');
  const files = pathsOf(first.folder, first.files);
  const other = containers.find(
    one => one.folder !== first.folder || pathsOf(one.folder, one.files).join() !== files.join(),
  );
  if (other !== undefined)
    return refuse(project, `its containers were made from different files: ${first.files} and ${other.files}`);
  const why = unusable(first.folder, files, pathsOf(first.folder, first.envFiles));
  if (why !== undefined) return refuse(project, why);
  const hashes = new Map<string, readonly string[]>();
  for (const { inner, hash } of containers) hashes.set(inner, [...(hashes.get(inner) ?? []), hash]);
  return { project, folder: first.folder, files, hashes, ports: portsOf(containers) };
}

const engineWhy = {
  down: 'the Docker engine does not answer',
  refused: 'this user may not use Docker, and sudo is not allowed',
} as const;

const loose = (one: SurveyedContainer): NotAdoptable => ({
  what: 'container',
  name: one.name.replace(/^\//, ''),
  why:
    one.stack === ''
      ? 'it was not made by Docker Compose: write a compose file for it, and bring it up from there'
      : `it belongs to the Docker stack ${one.stack}`,
});

/** `ours`: names of projects that have a stamp of this cluster. */
export function findProjects(
  { engine, containers, others }: Survey,
  ours: ReadonlySet<string>,
): { readonly found: readonly FoundProject[]; readonly refused: readonly NotAdoptable[] } {
  if (engine === 'down' || engine === 'refused')
    return { found: [], refused: [{ what: 'container', name: 'docker', why: engineWhy[engine] }] };
  const projects = [...new Set(containers.map(one => one.project))].filter(one => one !== '' && !ours.has(one));
  const judged = projects.toSorted().map(project => {
    const cluster = others.get(`project ${project}`);
    if (cluster !== undefined) return refuse(project, `it is the cluster ${cluster}'s`);
    return projectOf(
      project,
      containers.filter(one => one.project === project),
    );
  });
  return {
    found: judged.filter(one => 'project' in one),
    refused: [...judged.filter(one => 'why' in one), ...containers.filter(one => one.project === '').map(loose)],
  };
}

/** The key `compose_file` that makes us use the same files, or why none does. */
export function composeFileKey(
  { files, folder }: Pick<FoundProject, 'files' | 'folder'>,
  { names }: Pick<ComposeSaid, 'names'>,
): { readonly compose_file?: string } | string {
  const [main = '', over, ...more] = files.map(file => file.slice(folder.length + 1));
  const mains = composeNames.filter(name => names.includes(name));
  const overs = overrideNames.filter(name => names.includes(name));
  if (more.length > 0 || (over !== undefined && (main !== mains[0] || over !== overs[0])))
    return `it is made of several files (${files.join(', ')}): make one of them, for example by \`include\`, and bring it up from there`;
  if (over !== undefined) return {};
  return main === mains[0] && overs.length === 0 ? {} : { compose_file: main };
}

/** Why Compose would not bring up just what runs; notes tell what the next change brings along. */
export function judgeCompose(
  found: FoundProject,
  said: ComposeSaid,
): { readonly why?: string; readonly notes: readonly string[] } {
  const { hashes } = said;
  if (hashes === undefined) return { why: `Compose refuses its files: ${said.said}`, notes: [] };
  const strays = [...found.hashes.keys()].filter(inner => !hashes.has(inner));
  if (strays.length > 0)
    return {
      why: `${strays.join(', ')} would not come up from its files (a profile, or no longer in them): remove what is left over, or set COMPOSE_PROFILES in ${found.folder}/.env`,
      notes: [],
    };
  const missing = [...hashes.keys()].filter(inner => !found.hashes.has(inner));
  const edited = [...found.hashes].filter(([inner, made]) => made.some(hash => hash !== hashes.get(inner)));
  return {
    notes: [
      ...(missing.length === 0 ? [] : [`${missing.join(', ')} has no container: the next change starts it`]),
      ...(edited.length === 0
        ? []
        : [
            `${edited.map(([inner]) => inner).join(', ')} was made from other words than its files hold now: the next change brings what lies there`,
          ]),
    ],
  };
}

/** The project's own name where it is not the service's. */
export const projectKey = (project: string, service: string): { readonly compose_project?: string } =>
  optional('compose_project', project === service ? undefined : project);
