// Driver `local`: any supervised command or uv app, through a launcher of ours, kept by the machine's service manager or without one.
import type { ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { MachineFacts, Placement, Stamp } from '../../schema/state.js';
import { sh } from '../commands/command.js';
import { sayUsage } from '../commands/usage.js';
import { lookAtSupervised, superviseStart, superviseStop, tailLog } from '../commands/supervise.js';
import { launcherPath } from '../commands/supervise-launcher.js';
import type { Driver, GeneratedFile, Ground, Identity, StartKind, Step, Target } from './driver.js';
import { explainLocal, readSupervised, supervisedDrift } from './local-seen.js';
import { keeperOf, keptDrift, refusal, resumeKept } from './native-kept.js';
import { lookAtKept, readKept } from './native-look.js';
import { launcherFile, ownEnvFiles, wantedFiles } from './native-files.js';
import { type KeptScope, keptOf, logFileOf, needsRestart, report, runAs } from './native-keeper.js';

/** A first `uv sync` may have to fetch an interpreter and build wheels. */
const setupLimitMs = 15 * 60_000;
const pythonFiles = ['pyproject.toml', 'uv.lock', 'requirements.txt'] as const;

/** Without a manager that we know it is the bare supervisor's, whatever the registry prefers. */
function scopeOf(spec: ServiceSpec, facts?: MachineFacts): KeptScope | 'none' {
  return spec.scope === 'none' ||
    (facts !== undefined && (facts.serviceManager === 'none' || facts.serviceManager === 'rc'))
    ? 'none'
    : spec.scope;
}

function unitOf(spec: ServiceSpec, facts?: MachineFacts): string {
  return `portoser-${spec.service}${facts === undefined || facts.platform === 'linux' ? '.service' : ''}`;
}

function identity(spec: ServiceSpec, facts?: MachineFacts): Identity {
  const scope = scopeOf(spec, facts);
  return scope === 'none' ? { scope } : { unit: unitOf(spec, facts), scope };
}

function ownFiles(spec: ServiceSpec): readonly { readonly path: string; readonly text: boolean }[] {
  const python =
    spec.source === undefined ? pythonFiles.map(file => ({ path: `${spec.path}/${file}`, text: false })) : [];
  return [...ownEnvFiles(spec), ...python];
}

const brings = (placement: Placement, file: string): boolean => placement.source.some(one => one.path === file);

function uvRefusal(placement: Placement, facts: MachineFacts): ErrorReport | undefined {
  const { spec } = placement;
  const needed =
    spec.command?.[0] === 'uv' || brings(placement, 'pyproject.toml') || brings(placement, 'requirements.txt');
  if (!needed || facts.hasUv || spec.env['PATH'] !== undefined) return undefined;
  return report('uv-missing', `${spec.service} needs uv, and ${spec.machine} has none`);
}

function generate(placement: Placement, ground: Ground): readonly GeneratedFile[] | ErrorReport {
  const { spec } = placement;
  const scope = scopeOf(spec, ground.facts);
  const refused =
    uvRefusal(placement, ground.facts) ?? (scope === 'none' ? undefined : refusal(placement, scope, ground));
  if (refused !== undefined) return refused;
  const run = launcherFile(placement, spec.command ?? [], true);
  if (scope === 'none') return [run];
  const wish = {
    unit: unitOf(spec, ground.facts),
    scope,
    service: spec.service,
    user: runAs(placement, ground.facts),
    folder: spec.path,
    command: ['/bin/sh', run.path],
    envFiles: [],
    stopTimeoutMs: spec.stopTimeoutMs,
    logFile: spec.logFile,
    identifier: spec.service,
    ...(ground.cluster === undefined ? {} : { cluster: ground.cluster }),
  };
  const unit = keeperOf(ground.facts)?.file(wish, ground.facts);
  return unit === undefined ? [run] : [unit, run];
}

/** Made anew when what it is made from may have changed; else only mended, so that a restart needs no network. */
function setupStep(placement: Placement, user: string, anew: boolean): Step {
  const command = sh`p_as ${user} /bin/sh ${launcherPath(placement.spec.path)} ${anew ? 'setup' : 'mend'}`;
  return { phase: 'setup', what: 'set the app up', command, timeLimitMs: setupLimitMs };
}

function start(placement: Placement, kind: StartKind, ground: Ground): readonly Step[] {
  const { spec } = placement;
  const { facts } = ground;
  const scope = scopeOf(spec, facts);
  const user = runAs(placement, facts);
  const restart = needsRestart(kind, wantedFiles(placement, generate(placement, ground)), ground.files);
  const setup = setupStep(placement, user, restart && kind !== 'restart');
  if (scope !== 'none') {
    const ask = { unit: unitOf(spec, facts), scope, stopTimeoutMs: spec.stopTimeoutMs, ours: true, restart, user };
    return [setup, ...(keeperOf(facts)?.start(ask, ground) ?? [])];
  }
  const { service, logFile, stopTimeoutMs } = spec;
  const command = superviseStart({ service, user, logFile, stopTimeoutMs, restart, launcher: launcherPath(spec.path) });
  return [setup, { phase: 'start', what: 'start the process', command, timeLimitMs: 60_000 + stopTimeoutMs }];
}

function stop(stamp: Stamp, ground: Ground): readonly Step[] {
  const kept = keptOf(stamp);
  if (kept !== undefined) return keeperOf(ground.facts)?.stop(kept) ?? [];
  const command = superviseStop(stamp.service, stamp.stopTimeoutMs);
  return [{ phase: 'stop', what: 'stop the process', command, timeLimitMs: 60_000 + stamp.stopTimeoutMs }];
}

function resume(stamp: Stamp, ground: Ground): readonly Step[] {
  const kept = keptOf(stamp);
  if (kept !== undefined) return resumeKept(kept, stamp, ground);
  const { service, path, stopTimeoutMs } = stamp;
  const user = stamp.fields['user'] ?? ground.facts.user;
  const ask = { service, user, logFile: logFileOf(stamp), stopTimeoutMs, restart: false, launcher: launcherPath(path) };
  return [
    { phase: 'start', what: 'start the process', command: superviseStart(ask), timeLimitMs: 60_000 + stopTimeoutMs },
  ];
}

function remove(stamp: Stamp, ground: Ground): readonly Step[] {
  const kept = keptOf(stamp);
  return kept === undefined ? [] : (keeperOf(ground.facts)?.remove(kept) ?? []);
}

const bare = (targets: readonly Target[]): readonly Target[] =>
  targets.filter(target => target.identity.scope === 'none');
const kept = (targets: readonly Target[]): readonly Target[] =>
  targets.filter(target => target.identity.scope !== 'none');

export const local: Driver = {
  type: 'local',
  fields: spec => ({
    stop_timeout: String(spec.stopTimeoutMs),
    ...(spec.logFile === `${spec.path}/.portoser/log` ? {} : { log_file: spec.logFile }),
  }),
  identity,
  ownFiles,
  generate,
  look: targets => sh`${lookAtKept(kept(targets))}${lookAtSupervised(bare(targets))}${sayUsage}`,
  read: (targets, section) => new Map([...readKept(kept(targets), section), ...readSupervised(bare(targets), section)]),
  drift: (_, seen) => [...keptDrift(seen, true), ...supervisedDrift(seen)],
  start,
  stop,
  pause: stop,
  resume,
  remove,
  logs: (stamp, ask, facts) => {
    const unit = keptOf(stamp);
    const logFile = logFileOf(stamp);
    return (unit && keeperOf(facts)?.logs(unit, { ...ask, logFile }, facts)) ?? tailLog(logFile, ask);
  },
  explain: explainLocal,
};
