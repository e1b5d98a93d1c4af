// A service as an earlier deployment left it, read from git at that deployment's own commit.
import { asAppError } from '../../schema/errors.js';
import type { Deployment } from '../../schema/history.js';
import type { Registry } from '../../schema/registry-types.js';
import type { Placement } from '../../schema/state.js';
import type { EditMap, EditValue } from '../core/edit.js';
import { parse } from '../core/parse.js';
import { readYaml } from '../core/yaml-text.js';
import type { Lists } from '../operations/operation.js';
import type { GitRepo, Ports, RepoFiles } from '../ports.js';
import { desire } from './desired.js';
import { declaredIn } from './edit.js';
import { registryTexts } from './registry-texts.js';

export interface Revision {
  readonly deployment: Deployment;
  readonly files: RepoFiles;
  readonly registry: Registry;
  readonly placement: Placement;
  /** What the registry said of the service, templates and all. */
  readonly entry: EditMap;
}

/** Without what is empty: an edit writes no null. */
function writable(value: unknown): EditValue | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(one => writable(one) ?? '');
  if (typeof value !== 'object') return value as EditValue;
  const pairs = Object.entries(value).map(([key, one]) => [key, writable(one)] as const);
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, EditValue] => pair[1] !== undefined));
}

/** `VERSION: 1.10` in `env` means the text as it is written, which its number is not. */
function writtenOut(env: EditValue, sourceOf: (key: string) => string | undefined): EditValue {
  if (typeof env !== 'object' || Array.isArray(env)) return env;
  const pairs = Object.entries(env).map(([key, value]) => {
    const source = typeof value === 'string' ? undefined : sourceOf(key);
    return [key, source === undefined || source === JSON.stringify(value) ? value : source] as const;
  });
  return Object.fromEntries(pairs);
}

/** What these texts say of a service; undefined: nothing. */
export function entryIn(texts: ReadonlyMap<string, string>, service: string): EditMap | undefined {
  const file = declaredIn({ texts }, 'services', service);
  if (file === undefined) return undefined;
  const { value, sourceOf } = readYaml(file, texts.get(file) ?? '');
  const services = (value as { readonly services?: Readonly<Record<string, unknown>> }).services ?? {};
  const entry = writable(services[service]);
  if (typeof entry !== 'object' || Array.isArray(entry)) return undefined;
  const map = entry as EditMap;
  if (map['env'] === undefined) return map;
  return { ...map, env: writtenOut(map['env'], key => sourceOf(['services', service, 'env', key])) };
}

async function readAt(
  ports: Ports,
  lists: Lists,
  git: GitRepo,
  deployment: Deployment & { readonly commit: string },
): Promise<Revision | string> {
  const { commit, service, key } = deployment;
  const at = commit.slice(0, 12);
  if (!(await git.has(commit))) return `its commit ${at} is not in the repository any more`;
  const files = await git.files(commit);
  const main = ports.source.path;
  const { texts, paths } = await registryTexts(files, main);
  const { registry, diagnostics } = parse({ main, files: texts, paths });
  const entry = entryIn(texts, service);
  if (registry === undefined || entry === undefined) return `the registry at its commit ${at} cannot be read any more`;
  const desired = await desire(ports, lists, { commit, files, registry, diagnostics });
  const placement = desired.placements.find(one => one.key === key);
  if (placement === undefined) return `its commit ${at} does not name ${key}`;
  return { deployment, files, registry, placement, entry };
}

/** Why it cannot be read, where it cannot. */
export async function revisionOf(
  ports: Ports,
  lists: Lists,
  git: GitRepo,
  deployment: Deployment,
): Promise<Revision | string> {
  const { commit } = deployment;
  if (commit === undefined) return 'it is of no commit';
  try {
    return await readAt(ports, lists, git, { ...deployment, commit });
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code !== 'registry-missing' && error.code !== 'git-missing') throw thrown;
    return error.message;
  }
}
