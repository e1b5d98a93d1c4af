// From what Docker says of its containers to how a project stands, and how that differs from what was applied.
import { isAsFound } from '../../schema/as-found.js';
import type { FieldChange } from '../../schema/plan.js';
import { AppError, type ErrorCode } from '../../schema/errors.js';
import type { Placement, RunState, Stamp } from '../../schema/state.js';
import { takeUsage, type Used, usageOf } from '../commands/usage.js';
import type { RunnerSeen, Section, Target } from './driver.js';

/** One container, as `lookAtProjects` asks for it. */
interface Container {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly project: string;
  readonly inner: string;
  readonly oneOff: string;
  /** The compose files that it was made from, by commas. */
  readonly files: string;
  readonly fingerprint: string;
  readonly job: string;
  readonly status: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly health: string | null;
  readonly restarts: number;
  readonly restart: string;
  readonly ports: Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>> | null;
}

type Engine = 'ok' | 'missing' | 'down' | 'refused';
/** `done`: ended well, as it should. */
type ContainerState = RunState | 'done';
type Present = RunnerSeen & { state: 'present' };

const engineErrors: Readonly<Record<Exclude<Engine, 'ok'>, readonly [ErrorCode, string]>> = {
  missing: ['docker-missing', 'docker is not installed'],
  down: ['docker-down', 'the docker engine does not answer'],
  refused: ['docker-refused', 'this user may not use docker, and sudo is not allowed'],
};

const worst: readonly ContainerState[] = ['crash-looping', 'failed', 'stopped', 'starting', 'running', 'done'];

/** Docker waits 0.1 s, 0.2 s, 0.4 s … between starts: the fifth is 3 s on, and a database that is awaited gets its chance. */
const loopRestarts = 5;
/** Up for less than this it may be on its way down again (after it Docker itself begins to wait from 0.1 s anew). */
const settledSeconds = 10;

/** Ended by a signal that asks it to: a person's `docker stop`, not a fault (128 + INT, KILL, TERM). */
const askedToStop = new Set([0, 130, 137, 143]);

const seconds = (time: string): number | undefined => {
  const at = Date.parse(time);
  return Number.isFinite(at) && at > 0 ? Math.floor(at / 1000) : undefined;
};

function ended(container: Container): ContainerState {
  if (container.oomKilled || container.error !== '') return 'failed';
  if (container.exitCode === 0 && container.job === 'yes') return 'done';
  if (container.exitCode === 0 && container.job !== 'no' && ['', 'no'].includes(container.restart)) return 'done';
  return askedToStop.has(container.exitCode) ? 'stopped' : 'failed';
}

function stateOf(container: Container, clock: number): ContainerState {
  switch (container.status) {
    case 'restarting':
      return container.restarts >= loopRestarts ? 'crash-looping' : 'starting';
    case 'running': {
      const since = seconds(container.startedAt);
      const fresh = since !== undefined && clock - since < settledSeconds;
      if (fresh && container.restarts >= loopRestarts) return 'crash-looping';
      return container.health === 'starting' ? 'starting' : 'running';
    }
    case 'exited':
      return ended(container);
    case 'created':
      return container.error === '' ? 'stopped' : 'failed';
    case 'dead':
      return 'failed';
    default:
      return 'stopped';
  }
}

function worstOf(states: readonly ContainerState[]): ContainerState | undefined {
  return worst.find(state => states.includes(state));
}

/** Of the containers that have a health check of their own; `none`: no one has. */
function healthOf(containers: readonly Container[]): string {
  const said = containers
    .filter(one => one.status === 'running')
    .flatMap(one => (one.health === null || one.health === '' ? [] : [one.health]));
  return ['unhealthy', 'starting', 'healthy'].find(state => said.includes(state)) ?? 'none';
}

const ourFile = '.portoser/compose.override.yml';

/**
 * The fingerprints on the containers, by commas; `none` for one that was made without our override. What a file
 * that the user's file includes brought along cannot carry our label, and is known by the files that it was made from.
 */
function fingerprints(containers: readonly Container[]): string {
  const carriers = containers.filter(one => one.fingerprint !== '' || !one.files.includes(ourFile));
  return [...new Set(carriers.map(one => one.fingerprint || 'none'))].sort().join(',');
}

function hostPorts(containers: readonly Container[]): string {
  const bound = containers.flatMap(one => Object.values(one.ports ?? {})).flatMap(binding => binding ?? []);
  const numbers = new Set(bound.flatMap(one => (one.HostPort ? [Number(one.HostPort)] : [])));
  return [...numbers].sort((a, b) => a - b).join(',');
}

function detailOf(container: Container, state: ContainerState): string | undefined {
  const name = container.name.replace(/^\//, '');
  if (state === 'running' || state === 'done')
    return container.health === 'unhealthy' ? `${name}: unhealthy` : undefined;
  if (container.oomKilled) return `${name}: killed for want of memory`;
  if (container.error !== '') return `${name}: ${container.error}`;
  if (state === 'starting' && container.status === 'running') return `${name}: its health check has not passed yet`;
  if (container.status === 'created') return `${name}: made, and never started`;
  const code = container.status === 'running' ? '' : `, exit code ${container.exitCode}`;
  return `${name}: ${container.restarts > 0 ? `restarted ${container.restarts} times` : container.status}${code}`;
}

const byInner = <T>(
  containers: readonly Container[],
  value: (ones: readonly Container[]) => T,
): readonly (readonly [string, T])[] =>
  [...new Set(containers.map(one => one.inner))]
    .sort()
    .map(inner => [inner, value(containers.filter(one => one.inner === inner))]);

function settingsOf(containers: readonly Container[], clock: number): Readonly<Record<string, string>> {
  const states = byInner(containers, ones => worstOf(ones.map(one => stateOf(one, clock))) ?? 'stopped');
  const published = hostPorts(containers);
  return {
    ...Object.fromEntries(states.map(([inner, state]) => [`container:${inner}`, state])),
    ...Object.fromEntries(
      byInner(containers, healthOf)
        .filter(([, health]) => health !== 'none')
        .map(([inner, health]) => [`health:${inner}`, health]),
    ),
    fingerprint: fingerprints(containers),
    health: healthOf(containers),
    restarts: String(containers.reduce((sum, one) => sum + one.restarts, 0)),
    ...(published === '' ? {} : { published }),
  };
}

function present(containers: readonly Container[], { clock, used }: Answer): Present {
  const states = containers.map(one => stateOf(one, clock));
  const run = worstOf(states) ?? 'stopped';
  const running = containers.filter(one => one.status === 'running');
  const started = running.flatMap(one => seconds(one.startedAt) ?? []);
  const usage = usageOf(
    used,
    running.map(
      ({ id }) =>
        key =>
          key.includes(id),
    ),
  );
  const details = containers.flatMap((one, index) => detailOf(one, states[index] ?? 'stopped') ?? []);
  return {
    state: 'present',
    run: run === 'done' ? 'stopped' : run,
    settings: settingsOf(containers, clock),
    pids: running.flatMap(one => (one.pid > 0 ? [one.pid] : [])),
    ...(started.length === 0 ? {} : { startedAt: Math.max(...started) }),
    ...(usage === undefined ? {} : { usage }),
    images: Object.fromEntries(byInner(containers, ones => ones[0]?.image ?? '')),
    ...(details.length === 0 ? {} : { detail: details.join('; ') }),
  };
}

interface Answer {
  readonly engine: Engine;
  /** Seconds since 1970. */
  readonly clock: number;
  readonly containers: readonly Container[];
  readonly used: Used;
}

const isEngine = (word: unknown): word is Engine =>
  typeof word === 'string' && (word === 'ok' || Object.hasOwn(engineErrors, word));

function parseLine(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // something else spoke: the caller makes the whole answer unknown
  }
}

/** undefined: not a whole answer of ours. */
function parseSection(section: Section): Answer | undefined {
  const { own, used } = takeUsage(section);
  const lines = own.filter(line => line.trim() !== '').map(parseLine);
  const last: { engine?: unknown; clock?: unknown } | undefined = lines.pop();
  if (!isEngine(last?.engine) || lines.includes(undefined)) return undefined;
  return { engine: last.engine, clock: Number(last.clock), containers: lines as readonly Container[], used };
}

/**
 * How each target's project stands. No container of it: absent. All of them unknown when the engine does not answer, or
 * the answer is not whole. `settings`: `container:<inner>` (a run state, or `done`), `health:<inner>`, `fingerprint`,
 * `health` and `restarts` of all together, `published` (host ports).
 */
export function readProjects(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen> {
  const answer: Answer = parseSection(section) ?? { engine: 'down', clock: 0, containers: [], used: new Map() };
  const { engine, containers } = answer;
  if (engine !== 'ok') {
    const error = new AppError(...engineErrors[engine]).report();
    return new Map(targets.map(target => [target.index, { state: 'unknown', error }]));
  }
  return new Map(
    targets.map(target => {
      const own = containers.filter(one => one.project === target.identity.project && one.oneOff !== 'True');
      return [target.index, own.length === 0 ? { state: 'absent' } : present(own, answer)];
    }),
  );
}

/** Names that we give to images ourselves: an engine with containerd's store gives those digests too, and no registry has them. */
const ours = /^portoser\//;

/** The first name of each image id that has one. */
export function readDigests(output: string): ReadonlyMap<string, string> {
  return new Map(
    output.split('\n').flatMap(line => {
      const [id = '', names = ''] = line.split(/ (.*)/);
      const listed = parseLine(names);
      const named = Array.isArray(listed) ? listed.filter((one): one is string => typeof one === 'string') : [];
      const digest = named.toSorted().find(one => !ours.test(one) && /^[^@\s]+@sha256:[0-9a-f]{64}$/.test(one));
      return id === '' || digest === undefined ? [] : [[id, digest] as const];
    }),
  );
}

/**
 * What differs from the stamp: our label, image ids, containers that are gone. A container that is there and does not
 * run is told by the run state, which the caller compares.
 */
export function projectDrift(_placement: Placement, seen: Present, stamp: Stamp): readonly FieldChange[] {
  const label = seen.settings['fingerprint'] ?? '';
  const labels =
    stamp.fingerprint === undefined || label === stamp.fingerprint || isAsFound(stamp)
      ? []
      : [{ field: 'label', from: label, to: stamp.fingerprint }];
  const images = Object.entries(stamp.images).flatMap(([inner, wanted]): readonly FieldChange[] => {
    const found = seen.images[inner];
    if (found === undefined) return [{ field: `container:${inner}`, from: 'missing', to: 'running' }];
    return found === wanted ? [] : [{ field: `image:${inner}`, from: found, to: wanted }];
  });
  return [...labels, ...images];
}
