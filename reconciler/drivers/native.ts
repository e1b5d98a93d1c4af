// Driver `native`: a unit of the machine's own service manager, written from the registry or adopted as it stands there.
import { createHash } from 'node:crypto';
import type { ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { MachineFacts, Placement, Stamp } from '../../schema/state.js';
import { sh } from '../commands/command.js';
import { environmentFileText, unitFileName } from '../commands/systemd-unit.js';
import type { Driver, GeneratedFile, Ground, Identity, StartKind, Step } from './driver.js';
import { explainKept, keeperOf, keptDrift, lookAtKept, readKept } from './native-kept.js';
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

/** Absolute paths; relative ones lie under `path`, where files of `source` come to stand too. */
function envFilesOf(spec: ServiceSpec): readonly string[] {
  return spec.envFiles.map(file => (file.startsWith('/') ? file : `${spec.path}/${file}`));
}

/** `./serve`, `bin/serve` and a bare name that `source` brings as a program become absolute; other bare names the manager looks up. */
function absoluteCommand(placement: Placement, command: readonly string[]): readonly string[] {
  const [program = '', ...rest] = command;
  const own = placement.source.some(file => file.path === program && file.mode === 0o755);
  if (program.startsWith('/') || !(program.includes('/') || own)) return command;
  return [`${placement.spec.path}/${program.replace(/^(\.\/+)+/, '')}`, ...rest];
}

function environmentOf(spec: ServiceSpec): Readonly<Record<string, string>> {
  return { ...(spec.port === undefined ? {} : { PORT: String(spec.port) }), ...spec.env };
}

function environmentFile(spec: ServiceSpec): GeneratedFile | undefined {
  const env = environmentOf(spec);
  if (Object.keys(env).length === 0) return undefined;
  return { path: `${spec.path}/.portoser/env`, mode: 0o600, root: false, text: environmentFileText(env) };
}

function wishOf(
  placement: Placement,
  command: readonly string[],
  facts: MachineFacts,
  envFile: GeneratedFile | undefined,
): Wish {
  const { spec } = placement;
  return {
    unit: unitOf(spec, facts),
    scope: scopeOf(spec),
    service: spec.service,
    user: runAs(placement, facts),
    folder: spec.path,
    command: absoluteCommand(placement, command),
    envFiles: [...envFilesOf(spec), ...(envFile === undefined ? [] : [envFile.path])],
    stopTimeoutMs: spec.stopTimeoutMs,
    logFile: spec.logFile,
    ...(spec.resources.memoryBytes === undefined ? {} : { memoryBytes: spec.resources.memoryBytes }),
    ...(spec.resources.cpus === undefined ? {} : { cpus: spec.resources.cpus }),
  };
}

/** Why this machine cannot keep it, before anything is touched. */
export function refusal(placement: Placement, scope: KeptScope, ground: Ground): ErrorReport | undefined {
  const { facts } = ground;
  const user = runAs(placement, facts);
  if (keeperOf(facts) === undefined) {
    return report(
      'service-manager-missing',
      `${placement.spec.machine} has no systemd or launchd (${facts.serviceManager})`,
    );
  }
  if (scope === 'user' && user !== facts.user) {
    return report(
      'not-supported',
      `a user unit runs as the SSH user ${facts.user}, not as ${user}`,
      'Use `scope: system`, or log in as that user.',
    );
  }
  if (scope === 'system' && facts.uid !== 0 && ground.sudo === 'never') {
    return report(
      'sudo-refused',
      `a system unit needs root, and the registry says sudo: never for ${placement.spec.machine}`,
      'Use `scope: user`.',
    );
  }
  return undefined;
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
  const envFile = environmentFile(spec);
  const file = keeperOf(ground.facts)?.file(wishOf(placement, spec.command, ground.facts, envFile), ground.facts);
  return [file, envFile].filter(one => one !== undefined);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** SHA-256 of every file that it runs from, by absolute path. */
export function wantedFiles(
  placement: Placement,
  generated: readonly GeneratedFile[] | ErrorReport,
): Readonly<Record<string, string>> {
  const files = 'code' in generated ? [] : generated;
  return Object.fromEntries([
    ...placement.source.map(file => [`${placement.spec.path}/${file.path}`, file.sha256] as const),
    ...files.map(file => [file.path, sha256(file.text)] as const),
  ]);
}

/** Fails when a file that the registry names is not there, since a manager only says that it could not start. */
export function envFilesStep(files: readonly string[]): readonly Step[] {
  if (files.length === 0) return [];
  const command = sh`for p_file in ${files}; do if [ ! -e "$p_file" ]; then echo "portoser: file-missing $p_file" >&2; return 1; fi; done`;
  return [{ phase: 'setup', what: 'look for the env files', command, timeLimitMs: 30_000 }];
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
  return [...(ours ? envFilesStep(envFilesOf(spec)) : []), ...steps];
}

function fields(spec: ServiceSpec): Readonly<Record<string, string>> {
  const { memoryBytes, cpus } = spec.resources;
  return {
    unit: spec.unitName,
    ...(spec.command === undefined ? {} : { stop_timeout: String(spec.stopTimeoutMs) }),
    ...(memoryBytes === undefined ? {} : { memory: String(memoryBytes) }),
    ...(cpus === undefined ? {} : { cpus: String(cpus) }),
  };
}

/** With `source` the repository brings the env files; without, they are the user's own. */
export function ownEnvFiles(spec: ServiceSpec): readonly { readonly path: string; readonly text: boolean }[] {
  return spec.source === undefined ? envFilesOf(spec).map(path => ({ path, text: false })) : [];
}

export const native: Driver = {
  type: 'native',
  fields,
  identity,
  ownFiles: ownEnvFiles,
  generate,
  look: lookAtKept,
  read: readKept,
  drift: (placement, seen) => keptDrift(seen, placement.spec.command !== undefined),
  start,
  stop: (stamp: Stamp, ground) => withKept(stamp, kept => keeperOf(ground.facts)?.stop(kept)),
  remove: (stamp: Stamp, ground) => withKept(stamp, kept => keeperOf(ground.facts)?.remove(kept)),
  logs: (stamp, ask, facts) => {
    const kept = keptOf(stamp);
    return (kept && keeperOf(facts)?.logs(kept, { ...ask, logFile: logFileOf(stamp) }, facts)) ?? sh`false`;
  },
  explain: explainKept,
};

function withKept(
  stamp: Stamp,
  steps: (kept: NonNullable<ReturnType<typeof keptOf>>) => readonly Step[] | undefined,
): readonly Step[] {
  const kept = keptOf(stamp);
  return kept === undefined ? [] : (steps(kept) ?? []);
}
