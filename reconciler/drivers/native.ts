// Driver `native`: a unit of the machine's own service manager, written from the registry or adopted as it stands there.
import type { ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { MachineFacts, Placement, Stamp } from '../../schema/state.js';
import { sh } from '../commands/command.js';
import { sayUsage } from '../commands/usage.js';
import { unitFileName } from '../commands/systemd-unit.js';
import type { Driver, GeneratedFile, Ground, Identity, StartKind, Step } from './driver.js';
import {
  absoluteCommand,
  envFilesOf,
  envFilesStep,
  environmentFile,
  launcherFile,
  ownEnvFiles,
  wantedFiles,
} from './native-files.js';
import { explainKept, keeperOf, keptDrift, refusal, resumeKept } from './native-kept.js';
import { lookAtKept, readKept } from './native-look.js';
import { type KeptScope, keptOf, logFileOf, needsRestart, report, runAs, type Wish } from './native-keeper.js';

/** A unit has a manager, so `none` (the bare supervisor) means nothing here. */
const scopeOf = (spec: ServiceSpec): KeptScope => (spec.scope === 'user' ? 'user' : 'system');

function unitOf(spec: ServiceSpec, facts?: MachineFacts): string {
  if (facts !== undefined && facts.platform !== 'linux') return spec.unitName;
  return unitFileName(spec.unitName);
}

function identity(spec: ServiceSpec, facts?: MachineFacts): Identity {
  return { unit: unitOf(spec, facts), scope: scopeOf(spec) };
}

function wishOf(placement: Placement, command: readonly string[], envFiles: readonly string[], ground: Ground): Wish {
  const { spec } = placement;
  const { memoryBytes, cpus } = spec.resources;
  return {
    unit: unitOf(spec, ground.facts),
    scope: scopeOf(spec),
    service: spec.service,
    user: runAs(placement, ground.facts),
    folder: spec.path,
    command,
    envFiles,
    stopTimeoutMs: spec.stopTimeoutMs,
    logFile: spec.logFile,
    cluster: ground.cluster,
    memoryBytes,
    cpus,
  };
}

/** systemd takes words and env files as they are; the others run a launcher that knows both. */
function ourFiles(placement: Placement, command: readonly string[], ground: Ground): readonly GeneratedFile[] {
  const keeper = keeperOf(ground.facts);
  if (keeper === undefined) return [];
  if (ground.facts.serviceManager !== 'systemd') {
    const run = launcherFile(placement, command, false);
    return [keeper.file(wishOf(placement, ['/bin/sh', run.path], [], ground), ground.facts), run];
  }
  const envFile = environmentFile(placement.spec);
  const envFiles = [...envFilesOf(placement.spec), ...(envFile === undefined ? [] : [envFile.path])];
  const unit = keeper.file(wishOf(placement, absoluteCommand(placement, command), envFiles, ground), ground.facts);
  return envFile === undefined ? [unit] : [unit, envFile];
}

function generate(placement: Placement, ground: Ground): readonly GeneratedFile[] | ErrorReport {
  const { spec } = placement;
  const refused = refusal(placement, scopeOf(spec), ground);
  if (refused !== undefined) return refused;
  if (spec.command === undefined) return [];
  const unit = unitOf(spec, ground.facts);
  if (ground.facts.platform === 'linux' && !unit.endsWith('.service')) {
    return report(
      'not-supported',
      `${unit} cannot run a command: only services can`,
      'Name it `….service`, or leave `command` out to manage the unit that is there.',
    );
  }
  return ourFiles(placement, spec.command, ground);
}

function start(placement: Placement, kind: StartKind, ground: Ground): readonly Step[] {
  const { spec } = placement;
  const ours = spec.command !== undefined;
  const restart = ours
    ? needsRestart(kind, wantedFiles(placement, generate(placement, ground)), ground.files)
    : kind === 'restart' || kind === 'update';
  const ask = {
    unit: unitOf(spec, ground.facts),
    scope: scopeOf(spec),
    stopTimeoutMs: spec.stopTimeoutMs,
    ours,
    restart,
  };
  const steps = keeperOf(ground.facts)?.start({ ...ask, user: runAs(placement, ground.facts) }, ground) ?? [];
  return [...(ours ? envFilesStep(envFilesOf(spec), runAs(placement, ground.facts)) : []), ...steps];
}

function fields(spec: ServiceSpec): Readonly<Record<string, string>> {
  const { memoryBytes, cpus } = spec.resources;
  const own: Record<string, string> = { unit: spec.unitName };
  if (spec.command !== undefined) own.stop_timeout = String(spec.stopTimeoutMs);
  if (memoryBytes !== undefined) own.memory = String(memoryBytes);
  if (cpus !== undefined) own.cpus = String(cpus);
  return own;
}

export const native: Driver = {
  type: 'native',
  fields,
  identity,
  ownFiles: ownEnvFiles,
  generate,
  look: targets => (targets.length === 0 ? lookAtKept(targets) : sh`${lookAtKept(targets)}${sayUsage}`),
  read: readKept,
  drift: (placement, seen) => keptDrift(seen, placement.spec.command !== undefined),
  start,
  stop: stopKept,
  pause: stopKept,
  resume: (stamp, ground) => withKept(stamp, kept => resumeKept(kept, stamp, ground)),
  remove: (stamp: Stamp, ground) => withKept(stamp, kept => keeperOf(ground.facts)?.remove(kept)),
  logs: (stamp, ask, facts) => {
    const kept = keptOf(stamp);
    return (kept && keeperOf(facts)?.logs(kept, { ...ask, logFile: logFileOf(stamp) }, facts)) ?? sh`false`;
  },
  explain: explainKept,
};

function stopKept(stamp: Stamp, ground: Ground): readonly Step[] {
  return withKept(stamp, kept => keeperOf(ground.facts)?.stop(kept));
}

function withKept(
  stamp: Stamp,
  steps: (kept: NonNullable<ReturnType<typeof keptOf>>) => readonly Step[] | undefined,
): readonly Step[] {
  const kept = keptOf(stamp);
  return kept === undefined ? [] : (steps(kept) ?? []);
}
