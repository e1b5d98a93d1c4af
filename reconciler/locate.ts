// Finds the registry from the settings and the current folder: a named repository, the one we stand in, or a lone file.
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { AppError } from '../schema/errors.js';
import type { Settings } from '../schema/settings.js';

export type Place =
  /** Named by --repo: commits only. */
  | { readonly kind: 'named'; readonly address: string; readonly path: string }
  /** The repository of the current folder, or of REGISTRY_FILE: files as they lie there, and commits. */
  | { readonly kind: 'here'; readonly root: string; readonly path: string }
  /** A registry outside any repository. */
  | { readonly kind: 'file'; readonly folder: string; readonly path: string };

const defaultName = 'registry.yml';

/** The nearest folder upwards that holds `.git`, or undefined. */
function workTreeRoot(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** The folder without links in it, as far as it exists: a path is only comparable with a root of the same spelling. */
function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function inRepository(address: string, written: string): string {
  if (!isAbsolute(written))
    return written
      .split(sep)
      .join('/')
      .replace(/^(\.\/)+/, '');
  const below = relative(real(resolve(address)), real(written));
  if (below !== '' && !below.startsWith('..') && !isAbsolute(below)) return below.split(sep).join('/');
  throw new AppError('settings-invalid', `${written} does not lie in the repository ${address}`, {
    hint: 'Give the path from the root of the repository, such as registry.yml.',
  });
}

/** A written path counts from the current folder, or from the root of its repository where only that is there. */
function choose(cwd: string, written: string | undefined): string {
  const root = workTreeRoot(cwd);
  const candidates = [
    resolve(cwd, written ?? defaultName),
    ...(root === undefined ? [] : [resolve(root, written ?? defaultName)]),
  ];
  return candidates.find(existsSync) ?? candidates.at(-1) ?? resolve(cwd, defaultName);
}

function here(cwd: string, written: string | undefined): Place | undefined {
  const chosen = choose(real(cwd), written);
  const folder = real(dirname(chosen));
  const root = workTreeRoot(folder);
  if (root !== undefined)
    return {
      kind: 'here',
      root,
      path: relative(root, join(folder, basename(chosen)))
        .split(sep)
        .join('/'),
    };
  return existsSync(chosen) ? { kind: 'file', folder, path: basename(chosen) } : undefined;
}

/** Throws `registry-missing` when nothing names a registry, `settings-invalid` for a path outside the named repository. */
export function locate(settings: Settings, cwd: string): Place {
  const written = settings.path.from === 'default' ? undefined : settings.path.value;
  const address = settings.repo.value;
  if (address !== undefined) return { kind: 'named', address, path: inRepository(address, written ?? defaultName) };
  const place = here(cwd, written);
  if (place !== undefined) return place;
  const what =
    written === undefined
      ? `${cwd} is no git repository and holds no ${defaultName}`
      : `${resolve(cwd, written)} is not there`;
  throw new AppError('registry-missing', what, {
    hint: 'Write one with `portoser init`, name a repository with --repo, or a file with --path or REGISTRY_FILE.',
  });
}
