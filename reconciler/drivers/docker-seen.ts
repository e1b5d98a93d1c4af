// From what Docker says of its containers to how a project stands, and how that differs from what was applied.
import type { FieldChange } from '../../schema/plan.js';
import { AppError, type ErrorCode } from '../../schema/errors.js';
import type { Placement, RunState, Stamp } from '../../schema/state.js';
import type { RunnerSeen, Section, Target } from './driver.js';

/** One container, as `lookAtProjects` asks for it. */
interface Container {
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

/** A container that came back at least twice and is up for less than this is on its way down again (Docker's own reset of its delay). */
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
      return 'crash-looping';
    case 'running': {
      const since = seconds(container.startedAt);
      if (container.restarts >= 2 && since !== undefined && clock - since < settledSeconds) return 'crash-looping';
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
  if (state === 'starting') return `${name}: its health check has not passed yet`;
  if (container.status === 'created') return `${name}: made, and never started`;
  const code = container.status === 'running' ? '' : `, exit code ${container.exitCode}`;
  return `${name}: ${state === 'crash-looping' ? `restarted ${container.restarts} times` : container.status}${code}`;
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

function present(containers: readonly Container[], clock: number): Present {
  const states = containers.map(one => stateOf(one, clock));
  const run = worstOf(states) ?? 'stopped';
  const running = containers.filter(one => one.status === 'running');
  const started = running.flatMap(one => seconds(one.startedAt) ?? []);
  const details = containers.flatMap((one, index) => detailOf(one, states[index] ?? 'stopped') ?? []);
  return {
    state: 'present',
    run: run === 'done' ? 'stopped' : run,
    settings: settingsOf(containers, clock),
    pids: running.flatMap(one => (one.pid > 0 ? [one.pid] : [])),
    ...(started.length === 0 ? {} : { startedAt: Math.max(...started) }),
    images: Object.fromEntries(byInner(containers, ones => ones[0]?.image ?? '')),
    ...(details.length === 0 ? {} : { detail: details.join('; ') }),
  };
}

interface Answer {
  readonly engine: Engine | undefined;
  readonly clock: number;
  readonly containers: readonly Container[];
}

function parseSection(section: Section): Answer | undefined {
  const objects: Record<string, unknown>[] = [];
  for (const line of section.filter(line => line.trim() !== '')) {
    try {
      objects.push(JSON.parse(line) as Record<string, unknown>);
    } catch {
      return undefined; // something else spoke: never a guess
    }
  }
  const last = objects.at(-1);
  const engine = last?.['engine'];
  if (typeof engine !== 'string' || !(engine === 'ok' || engine in engineErrors)) return undefined;
  return {
    engine: engine as Engine,
    clock: Number(last?.['clock']),
    containers: objects.slice(0, -1) as unknown as Container[],
  };
}

/**
 * How each target's project stands. No container of it: absent. All of them unknown when the engine does not answer, or
 * the answer is not whole. `settings`: `container:<inner>` (a run state, or `done`), `health:<inner>`, `fingerprint`,
 * `health` and `restarts` of all together, `published` (host ports).
 */
export function readProjects(targets: readonly Target[], section: Section): ReadonlyMap<number, RunnerSeen> {
  const answer = parseSection(section);
  const wrong =
    answer === undefined
      ? engineErrors.down
      : answer.engine === 'ok' || answer.engine === undefined
        ? undefined
        : engineErrors[answer.engine];
  if (answer === undefined || wrong !== undefined) {
    const [code, message] = wrong ?? engineErrors.down;
    const error = new AppError(code, message).report();
    return new Map(targets.map(target => [target.index, { state: 'unknown', error }]));
  }
  return new Map(
    targets.map(target => {
      const own = answer.containers.filter(one => one.project === target.identity.project && one.oneOff !== 'True');
      return [target.index, own.length === 0 ? { state: 'absent' } : present(own, answer.clock)];
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
    stamp.fingerprint === undefined || label === stamp.fingerprint
      ? []
      : [{ field: 'label', from: label, to: stamp.fingerprint }];
  const images = Object.entries(stamp.images).flatMap(([inner, wanted]): readonly FieldChange[] => {
    const found = seen.images[inner];
    if (found === undefined) return [{ field: `container:${inner}`, from: 'missing', to: 'running' }];
    return found === wanted ? [] : [{ field: `image:${inner}`, from: found, to: wanted }];
  });
  return [...labels, ...images];
}
