// Files and words that native and local services have in common: environment, env files, programs, what a process runs from.
import { hash } from 'node:crypto';
import type { ErrorReport } from '../../schema/errors.js';
import type { ServiceSpec } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import { sh } from '../commands/command.js';
import { launcherPath, launcherText } from '../commands/supervise-launcher.js';
import { environmentFileText } from '../commands/systemd-unit.js';
import type { GeneratedFile, Step } from './driver.js';

/** Absolute paths; relative ones lie under `path`, where files of `source` come to stand too. */
export function envFilesOf(spec: ServiceSpec): readonly string[] {
  if (spec.envFiles.length === 0) return spec.envFiles;
  return spec.envFiles.map(file => (file.startsWith('/') ? file : `${spec.path}/${file}`));
}

/** `./serve`, `bin/serve` and a bare name that `source` brings as a program become absolute; other bare names the manager looks up. */
export function absoluteCommand(placement: Placement, command: readonly string[]): readonly string[] {
  const program = command[0] ?? '';
  if (program.startsWith('/')) return command;
  const own = placement.source.some(file => file.path === program && file.mode === 0o755);
  if (!(program.includes('/') || own)) return command;
  return [`${placement.spec.path}/${program.replace(/^(\.\/+)+/, '')}`, ...command.slice(1)];
}

function environmentOf(spec: ServiceSpec): Readonly<Record<string, string>> {
  return spec.port === undefined ? spec.env : { PORT: String(spec.port), ...spec.env };
}

export function environmentFile(spec: ServiceSpec): GeneratedFile | undefined {
  const env = environmentOf(spec);
  if (Object.keys(env).length === 0) return undefined;
  return { path: `${spec.path}/.portoser/env`, mode: 0o600, root: false, text: environmentFileText(env) };
}

/** The script that a service runs by where its manager reads no env files; `python`: a local one, which uv may set up. */
export function launcherFile(placement: Placement, command: readonly string[], python: boolean): GeneratedFile {
  const { spec } = placement;
  const brings = (file: string): boolean => placement.source.some(one => one.path === file);
  const text = launcherText({
    folder: spec.path,
    command,
    env: environmentOf(spec),
    envFiles: envFilesOf(spec),
    ...(python ? { python: { unlocked: brings('pyproject.toml') && !brings('uv.lock') } } : {}),
  });
  return { path: launcherPath(spec.path), mode: 0o700, root: false, text };
}

const sha256 = (text: string): string => hash('sha256', text);

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
export function envFilesStep(files: readonly string[], user: string): readonly Step[] {
  if (files.length === 0) return [];
  const command = sh`for p_file in ${files}; do if [ ! -e "$p_file" ] && ! p_as ${user} test -e "$p_file"; then echo "portoser: file-missing $p_file" >&2; return 1; fi; done`;
  return [{ phase: 'setup', what: 'look for the env files', command, timeLimitMs: 30_000 }];
}

/** With `source` the repository brings the env files; without, they are the user's own. */
export function ownEnvFiles(spec: ServiceSpec): readonly { readonly path: string; readonly text: boolean }[] {
  return spec.source === undefined ? envFilesOf(spec).map(path => ({ path, text: false })) : [];
}
