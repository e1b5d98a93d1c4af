// The driver for Docker Compose projects: the user's compose files, with our override laid over them.
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Placement, Stamp } from '../../schema/state.js';
import {
  askDigests,
  type ComposeCall,
  composeSetup,
  composeUp,
  lookAtProjects,
  noteRestarts,
  projectLogs,
  removeProject,
  resumeProject,
  stopProject,
} from '../commands/docker.js';
import { type Command, sh } from '../commands/command.js';
import { haveImages } from '../commands/docker-images.js';
import { explainDocker } from './docker-explain.js';
import {
  checkPins,
  chooseInner,
  composeFiles,
  composeNames,
  givenImages,
  isReport,
  readProject,
  under,
} from './docker-file.js';
import { ourFiles, overridePath, variables, variablesPath } from './docker-override.js';
import { projectDrift, readDigests, readProjects } from './docker-seen.js';
import type { Driver, Ground, StartKind, Step } from './driver.js';

const minute = 60_000;
/** Pulling and building on a small machine with a slow line. */
const longLimitMs = 30 * minute;
/** A container that says itself how long it needs may take as long as databases do. */
const patientStopMs = 10 * minute;
/** What Docker and the registry both take when nobody says anything. */
const defaultStopMs = 10_000;

/** Service names of the registry are valid project names (compose-spec: `[a-z0-9][a-z0-9_-]*`); an adopted project keeps its own. */
const projectOf = (spec: ServiceSpec): string => spec.docker?.project ?? spec.service;

const stampedProject = (stamp: Stamp): string => stamp.project ?? stamp.service;

/** `stop_timeout` as it was written; at its default the compose file's own `stop_grace_period` counts. */
const stopSeconds = (stopTimeoutMs: number): { readonly stopSeconds?: number } =>
  stopTimeoutMs === defaultStopMs ? {} : { stopSeconds: Math.ceil(stopTimeoutMs / 1000) };

/** Only what changes how it runs: `pull` acts at a change and is no reason for one, `disk` is a budget. */
function fields(spec: ServiceSpec): Readonly<Record<string, string>> {
  const docker = spec.docker;
  const ports = (docker?.portMapping ?? []).map(one => `${one.host}:${one.container}`);
  const { memoryBytes, cpus } = spec.resources;
  return {
    ...(docker?.composeFile === undefined ? {} : { compose_file: docker.composeFile }),
    ...(docker?.project === undefined ? {} : { compose_project: docker.project }),
    ...(docker?.composeService === undefined ? {} : { compose_service: docker.composeService }),
    ...(docker?.build === true ? { build: 'true' } : {}),
    ...(ports.length === 0 ? {} : { port_mapping: [...new Set(ports)].sort().join(', ') }),
    ...Object.fromEntries(Object.entries(docker?.images ?? {}).map(([inner, image]) => [`image.${inner}`, image])),
    ...(memoryBytes === undefined ? {} : { memory: String(memoryBytes) }),
    ...(cpus === undefined ? {} : { cpus: String(cpus) }),
  };
}

/** Beside the compose file, where Compose reads it by itself. */
function dotenvPath(composeFile: string): string {
  return under(composeFile.slice(0, composeFile.lastIndexOf('/')), '.env');
}

/** With `source` all of it is managed. Else: compose files with their text, and whatever they take variables from. */
function ownFiles(spec: ServiceSpec): readonly { readonly path: string; readonly text: boolean }[] {
  if (spec.source !== undefined) return [];
  const { main, over } = composeNames(spec);
  const compose = [...main, ...over].map(name => under(spec.path, name));
  const env = [...new Set([dotenvPath(compose[0] ?? spec.path), ...spec.envFiles.map(file => under(spec.path, file))])];
  return [...compose.map(path => ({ path, text: true })), ...env.map(path => ({ path, text: false }))];
}

function call(placement: Placement, ground: Ground): ComposeCall {
  const { spec } = placement;
  const files = composeFiles(placement, ground);
  return {
    path: spec.path,
    project: projectOf(spec),
    files: [...files, overridePath(spec)],
    envFiles: [
      dotenvPath(files[0] ?? spec.path),
      ...spec.envFiles.map(file => under(spec.path, file)),
      variablesPath(spec),
    ],
    variables: Object.keys(variables(spec)),
    overrideTag: (spec.docker?.portMapping.length ?? 0) > 0,
  };
}

/** Files that Compose does not compare itself, such as a mounted configuration, were other than git says. */
function filesDrifted(placement: Placement, ground: Ground): boolean {
  const { path } = placement.spec;
  const compose = composeFiles(placement, ground);
  return placement.source.some(file => {
    const seen = ground.files[under(path, file.path)];
    return seen !== undefined && seen.sha256 !== file.sha256 && !compose.includes(under(path, file.path));
  });
}

/** Before anything is started in the whole batch: what takes long here holds up nobody's health gate. */
function setupSteps(placement: Placement, kind: StartKind, ground: Ground, compose: ComposeCall): readonly Step[] {
  const { pull: when, build = false } = placement.spec.docker ?? {};
  const pull = when === 'always';
  if (kind === 'repair' || kind === 'restart') return [];
  const step = (what: string, command: Command): Step => ({ phase: 'setup', what, command, timeLimitMs: longLimitMs });
  const project = readProject(placement, ground);
  const images = isReport(project) ? [] : givenImages(placement, project);
  return [
    ...(pull ? [step('pull the images', composeSetup(compose, 'pull'))] : []),
    ...(build ? [step('build the images', composeSetup(compose, pull ? 'build --pull' : 'build'))] : []),
    ...(images.length === 0
      ? []
      : [{ ...step('have the images there', haveImages(images, when === 'never')), ahead: true as const }]),
  ];
}

/**
 * One `compose up -d` for every kind: Compose itself recreates what differs, and the label with the fingerprint differs
 * whenever anything does. Health is waited for by others.
 */
function start(placement: Placement, kind: StartKind, ground: Ground): readonly Step[] {
  const compose = call(placement, ground);
  const anew = kind === 'restart' || (kind === 'repair' && filesDrifted(placement, ground));
  const up = composeUp(compose, {
    recreate: anew ? 'always' : 'stopped',
    pullNever: placement.spec.docker?.pull === 'never',
    ...stopSeconds(placement.spec.stopTimeoutMs),
  });
  const what = anew ? 'start its containers anew' : 'bring its containers up';
  return [
    ...setupSteps(placement, kind, ground, compose),
    { phase: 'start', what, command: up, timeLimitMs: longLimitMs },
  ];
}

function stop(stamp: Stamp): readonly Step[] {
  const limit = stopSeconds(stamp.stopTimeoutMs);
  const command = stopProject(stampedProject(stamp), limit.stopSeconds);
  const timeLimitMs = limit.stopSeconds === undefined ? patientStopMs : stamp.stopTimeoutMs * 3 + 2 * minute;
  return [{ phase: 'stop', what: 'stop its containers', command, timeLimitMs }];
}

function pause(stamp: Stamp): readonly Step[] {
  const command = noteRestarts(stampedProject(stamp), stamp.service);
  return [{ phase: 'prepare', what: 'note how its containers restart', command, timeLimitMs: minute }, ...stop(stamp)];
}

function resume(stamp: Stamp): readonly Step[] {
  const command = resumeProject(stampedProject(stamp), stamp.service);
  return [{ phase: 'start', what: 'start its containers again', command, timeLimitMs: 5 * minute }];
}

function remove(stamp: Stamp): readonly Step[] {
  return [
    {
      phase: 'stop',
      what: 'remove its containers and networks',
      command: removeProject(stampedProject(stamp)),
      timeLimitMs: 5 * minute,
    },
  ];
}

export const docker: Driver = {
  type: 'docker',
  fields,
  identity: spec => ({ project: projectOf(spec), scope: 'system' }),
  ownFiles,
  generate(placement, ground) {
    const project = readProject(placement, ground);
    if (isReport(project)) return project;
    const chosen = chooseInner(placement, project);
    if (typeof chosen === 'object') return chosen;
    return checkPins(placement, project) ?? ourFiles(placement, project, chosen, ground);
  },
  look: targets => (targets.length === 0 ? sh`:` : lookAtProjects()),
  read: readProjects,
  drift: projectDrift,
  start,
  stop,
  pause,
  resume,
  remove,
  logs: (stamp, ask) =>
    projectLogs({
      ...ask,
      project: stampedProject(stamp),
      path: stamp.path,
      names: Object.keys(stamp.images).length !== 1,
    }),
  imageNames: { ask: askDigests, read: readDigests },
  explain: (_step, output) => explainDocker(output),
};
