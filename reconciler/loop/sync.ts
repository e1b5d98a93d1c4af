// Brings the registry here: the newest commit that may be followed, or the files as they lie; parsed, or with its diagnostics.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { AppError, asAppError, type ErrorReport } from '../../schema/errors.js';
import type { ParseResult, Registry } from '../../schema/registry-types.js';
import { includePatterns, matchIncludes } from '../core/includes.js';
import { parse } from '../core/parse.js';
import type { GitRepo, Ports, RepoEntry, RepoFiles } from '../ports.js';
import { readApplied } from './applied.js';
import { learnSecrets } from './learn-secrets.js';
import { contains } from './rewritten.js';
import { sessionOf } from './session.js';

export interface SyncAsk {
  readonly from: 'commit' | 'files';
  /** A commit other than the branch's head. */
  readonly revision?: string;
}

export interface Synced {
  /** The commit in force, or `work-tree`. */
  readonly commit: string;
  readonly files: RepoFiles;
  /** Absent: there is no valid registry to go by. */
  readonly registry?: Registry;
  readonly diagnostics: readonly Diagnostic[];
  /** What lies in the work tree, registry or source files, differs from the commit. */
  readonly differs?: boolean;
  /** Why a rewritten branch is not followed. */
  readonly held?: string;
  /** A newer commit whose registry was refused; the diagnostics are its. */
  readonly refused?: string;
  /** The remote, or the registry at its head, cannot be had; the last good commit is gone by. */
  readonly outage?: ErrorReport;
}

const decoder = new TextDecoder();

async function readTexts(
  files: RepoFiles,
  path: string,
): Promise<{ readonly texts: ReadonlyMap<string, string>; readonly paths: readonly string[] }> {
  const main = await files.read(path);
  if (main === undefined) {
    if (files.revision === 'work-tree') throw new AppError('registry-missing', `there is no ${path} in the work tree`);
    throw new AppError('registry-missing', `there is no ${path} at commit ${files.revision.slice(0, 12)}`, {
      hint: 'Commit one there (`portoser init` writes it), or name its path with --path or REGISTRY_FILE.',
    });
  }
  const text = decoder.decode(main);
  const paths = ((await files.list('')) ?? []).flatMap(entry => (entry.kind === 'file' ? [entry.path] : []));
  const texts = new Map([[path, text]]);
  for (const included of matchIncludes(includePatterns(text), paths)) {
    const bytes = await files.read(included);
    if (bytes !== undefined) texts.set(included, decoder.decode(bytes));
  }
  return { texts, paths };
}

/** Parses the registry of these files; a commit is parsed once. */
export async function readRegistry(ports: Ports, files: RepoFiles): Promise<ParseResult> {
  const session = sessionOf(ports);
  const { path } = ports.source;
  const known = session.parsed;
  if (known !== undefined && known.revision === files.revision && known.path === path && files.revision !== 'work-tree')
    return known.result;
  const { texts, paths } = await readTexts(files, path);
  const result = parse({ main: path, files: texts, paths });
  await learnSecrets(ports, files, texts.values(), result);
  session.parsed = { revision: files.revision, path, result };
  return result;
}

function gitOf(ports: Ports): GitRepo {
  if (ports.source.git === undefined) {
    throw new AppError('git-missing', 'there is no repository here', {
      hint: 'Name one with --repo, or use --uncommitted for a registry outside any repository.',
    });
  }
  return ports.source.git;
}

interface Head {
  readonly commit: string;
  readonly held?: string;
  readonly outage?: ErrorReport;
}

/** What the registry said at a commit; undefined: the commit is not here, or had none. */
async function registryAt(ports: Ports, git: GitRepo, commit: string): Promise<ParseResult | undefined> {
  if (!(await git.has(commit))) return undefined;
  const parsed = await parsedOrMissing(ports, await git.files(commit));
  return parsed instanceof AppError ? undefined : parsed;
}

async function parsedOrMissing(ports: Ports, files: RepoFiles): Promise<ParseResult | AppError> {
  try {
    return await readRegistry(ports, files);
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === 'registry-missing') return error;
    throw thrown;
  }
}

/** The head to go by: not one that was rewritten past the applied commit, unless policy or a person follows it. */
async function followable(ports: Ports, git: GitRepo, head: string): Promise<Head> {
  const { appliedCommit, acceptedCommit } = await readApplied(ports.state);
  if (appliedCommit === undefined || appliedCommit === head) return { commit: head };
  if (acceptedCommit !== undefined && (await contains(git, head, acceptedCommit))) return { commit: head };
  if (await contains(git, head, appliedCommit)) return { commit: head };
  const base = await registryAt(ports, git, appliedCommit);
  if (base === undefined) {
    const why = `the branch ${git.branch} was rewritten, and the applied commit ${appliedCommit.slice(0, 12)} is gone`;
    throw new AppError('git-held', why, { hint: `Look at it, then run \`portoser git accept ${head.slice(0, 12)}\`.` });
  }
  if (base.registry?.policy.forcePush === 'follow') return { commit: head };
  return {
    commit: (await lastInForce(ports, git)) ?? appliedCommit,
    held: `the branch ${git.branch} was rewritten: its head ${head.slice(0, 12)} does not contain the applied commit ${appliedCommit.slice(0, 12)}; accept it with \`portoser git accept ${head.slice(0, 12)}\``,
  };
}

async function newestHead(ports: Ports, git: GitRepo): Promise<Head> {
  try {
    const remote = await git.remoteHead();
    const head = (await git.has(remote)) ? remote : await git.fetch();
    return await followable(ports, git, head);
  } catch (thrown) {
    const error = asAppError(thrown);
    // Also a refused login or a deleted branch is no reason to leave the machines as they are.
    if (!error.code.startsWith('git-') || error.code === 'git-held') throw error;
    const commit = await lastInForce(ports, git);
    if (commit === undefined || !(await git.has(commit))) throw error;
    return { commit, outage: error.report() };
  }
}

/** What stays in force while nothing newer can be had or used: also a freeze by which nothing was applied. `under`: as far as that commit has it. */
async function lastInForce(ports: Ports, git: GitRepo, under?: string): Promise<string | undefined> {
  const { appliedCommit, goodCommit } = await readApplied(ports.state);
  if (goodCommit === undefined || !(await git.has(goodCommit))) return appliedCommit;
  const onTop = appliedCommit === undefined || (await contains(git, goodCommit, appliedCommit));
  return onTop && (under === undefined || (await contains(git, under, goodCommit))) ? goodCommit : appliedCommit;
}

async function atCommit(ports: Ports, revision: string | undefined): Promise<Synced> {
  const git = gitOf(ports);
  const head: Head = revision === undefined ? await newestHead(ports, git) : { commit: revision };
  const files = await git.files(head.commit);
  const parsed = await parsedOrMissing(ports, files);
  const more = {
    ...(head.held === undefined ? {} : { held: head.held }),
    ...(head.outage === undefined ? {} : { outage: head.outage }),
  };
  if (parsed instanceof AppError) {
    const good = await lastGood(ports, git, head.commit, files);
    if (good.registry === undefined) throw parsed;
    return { ...good, diagnostics: [], refused: head.commit, ...more, outage: parsed.report() };
  }
  if (parsed.registry !== undefined)
    return { commit: head.commit, files, registry: parsed.registry, diagnostics: parsed.diagnostics, ...more };
  return {
    ...(await lastGood(ports, git, head.commit, files)),
    diagnostics: parsed.diagnostics,
    refused: head.commit,
    ...more,
  };
}

/** The last valid registry of the branch stays in force while a newer one is refused. */
async function lastGood(
  ports: Ports,
  git: GitRepo,
  refused: string,
  refusedFiles: RepoFiles,
): Promise<Pick<Synced, 'commit' | 'files' | 'registry'>> {
  const commit = await lastInForce(ports, git, refused);
  const good = commit === undefined ? undefined : await registryAt(ports, git, commit);
  if (commit === undefined || commit === refused || good?.registry === undefined)
    return { commit: refused, files: refusedFiles };
  return { commit, files: await git.files(commit), registry: good.registry };
}

/** Whether anything of what would be deployed lies there otherwise: the registry, what it includes, its source folders. */
async function liesOtherwise(
  ports: Ports,
  files: RepoFiles,
  committed: RepoFiles,
  registry: Registry | undefined,
): Promise<boolean> {
  const { path: main } = ports.source;
  const [here, there] = await Promise.all([files, committed].map(async one => (await one.list('')) ?? []));
  const paths = [...(here ?? []), ...(there ?? [])].map(entry => entry.path);
  const patterns = includePatterns(decoder.decode(await files.read(main)));
  const read = new Set([main, ...matchIncludes(patterns, paths)]);
  const sources = new Set(registry?.placements.flatMap(one => one.source ?? []));
  const counts = (path: string) =>
    read.has(path) || [...sources].some(folder => folder === '' || path.startsWith(`${folder}/`));
  const rows = (entries: readonly RepoEntry[]) =>
    entries
      .filter(one => counts(one.path))
      .map(one => `${one.path} ${one.kind} ${one.executable} ${one.oid}`)
      .sort()
      .join('\n');
  return rows(here ?? []) !== rows(there ?? []);
}

async function asTheyLie(ports: Ports): Promise<Synced> {
  const tree = ports.source.workTree;
  if (tree === undefined) return await atCommit(ports, undefined);
  const files = await tree.files();
  const { registry, diagnostics } = await readRegistry(ports, files);
  const base = { commit: 'work-tree', files, diagnostics, ...(registry === undefined ? {} : { registry }) };
  const { git } = ports.source;
  if (git === undefined) return base;
  const head = await git.remoteHead();
  const differs = await liesOtherwise(ports, files, await git.files(head), registry);
  // A plan of what a pass would find is that pass's plan: it has the same id, and can be approved by it.
  const { appliedCommit } = await readApplied(ports.state);
  const same = !differs && (appliedCommit === undefined || (await contains(git, head, appliedCommit)));
  return { ...base, ...(same ? { commit: head } : {}), differs };
}

/**
 * What is secret in the registry as far as it is here, before anything that somebody asked is written down: a fresh process
 * knows none of it yet, and nobody waits for a remote.
 */
export async function learnHere(ports: Ports): Promise<void> {
  if (sessionOf(ports).parsed !== undefined) return;
  try {
    const { git, workTree } = ports.source;
    const { appliedCommit } = workTree === undefined ? await readApplied(ports.state) : {};
    const applied = appliedCommit === undefined || !(await git?.has(appliedCommit)) ? undefined : appliedCommit;
    const files = await (applied === undefined ? workTree?.files() : git?.files(applied));
    if (files !== undefined) await readRegistry(ports, files);
  } catch (thrown) {
    // What is asked meets the same fault, and tells it.
    ports.log.debug({ code: asAppError(thrown).code }, 'the registry is not here yet');
  }
}

/** Never throws for what the registry says; throws for what cannot be read at all. */
export async function sync(ports: Ports, ask: SyncAsk): Promise<Synced> {
  const lying = ask.from === 'files' && sessionOf(ports).byCommit !== true;
  return lying ? await asTheyLie(ports) : await atCommit(ports, ask.revision);
}
