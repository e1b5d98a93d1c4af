// Edits the registry: only the lines meant, checked before it is committed, on top of what is newest.
import type { Diagnostic } from '../../schema/diagnostics.js';
import { AppError } from '../../schema/errors.js';
import type { ParseResult } from '../../schema/registry-types.js';
import { parse } from '../core/parse.js';
import { readYaml } from '../core/yaml-text.js';
import type { OpenedPull } from '../../schema/forge.js';
import type { EditedContent, EditFiles, GitRepo, Ports, RepoFiles } from '../ports.js';
import { journal } from './journal.js';
import { branchName, forgeOf, openProposal, proposedBefore, writeWay } from './propose.js';
import { registryTexts } from './registry-texts.js';

/** The registry that is edited, as it stands at the newest commit. */
export interface Editable {
  readonly main: string;
  /** By path, the main file first. */
  readonly texts: ReadonlyMap<string, string>;
  readonly before: ParseResult;
}

export interface RegistryEdit {
  /** The operation: `machine.add`. */
  readonly kind: string;
  /** First line of the commit message. */
  readonly subject: string;
  /** New texts by path. Called again when others pushed meanwhile. */
  readonly change: (registry: Editable) => ReadonlyMap<string, string>;
  /** Where it goes as a pull request: what is proposed by this name is proposed once. */
  readonly once?: string;
  /** Other files of the repository that change with it. Called again too. */
  readonly files?: (files: RepoFiles) => Promise<ReadonlyMap<string, EditedContent>>;
}

export interface Edited {
  /** `work-tree`: written to a file outside any repository. */
  readonly commit: string;
  /** Nothing had to be changed. */
  readonly unchanged: boolean;
  readonly files: readonly EditedFile[];
  /** Paths of other files that were changed with it. */
  readonly sources?: readonly string[];
  /** It is proposed and not in force: the commit stands on a branch of its own. */
  readonly pull?: OpenedPull;
}

export interface EditedFile {
  readonly path: string;
  /** Line that the change begins at, from 1. */
  readonly line: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** The file that has this machine or service, or undefined. */
export function declaredIn(
  { texts }: Pick<Editable, 'texts'>,
  section: 'machines' | 'services',
  name: string,
): string | undefined {
  return [...texts].find(([path, text]) => namesIn(path, text, section).includes(name))?.[0];
}

export function namesIn(path: string, text: string, section: 'machines' | 'services'): readonly string[] {
  const value = readYaml(path, text).value as Readonly<Record<string, unknown>> | null | undefined;
  const entries = typeof value === 'object' && value !== null ? value[section] : undefined;
  return typeof entries === 'object' && entries !== null ? Object.keys(entries) : [];
}

const identity = (one: Diagnostic): string => `${one.code} ${one.path} ${one.message}`;

/** An edit may leave what was wrong before; it may not add to it. */
function refuseNewErrors(before: ParseResult, after: ParseResult): void {
  const known = new Set(before.diagnostics.map(identity));
  const fresh = after.diagnostics.filter(one => one.severity === 'error' && !known.has(identity(one)));
  if (fresh.length === 0) return;
  const lines = fresh.map(one =>
    [
      one.message,
      one.expected === undefined || one.message.includes(one.expected) ? '' : `expected ${one.expected}`,
      one.hint ?? '',
    ]
      .filter(Boolean)
      .join('; '),
  );
  throw new AppError(
    'registry-invalid',
    `the edit would make the registry invalid:\n${[...new Set(lines)].join('\n')}`,
    {
      hint: 'Nothing was changed. Correct the values, or edit the file by hand.',
      details: { code: fresh[0]?.code ?? null, path: fresh[0]?.path ?? null },
    },
  );
}

/** Lines that differ, between the beginnings and the ends that are the same. */
export function changedLines(path: string, before: string, after: string): EditedFile {
  const [old, next] = [before.split('\n'), after.split('\n')];
  const shorter = Math.min(old.length, next.length);
  let start = 0;
  while (start < shorter && old[start] === next[start]) start += 1;
  let end = 0;
  while (end < shorter - start && old[old.length - 1 - end] === next[next.length - 1 - end]) end += 1;
  return {
    path,
    line: start + 1,
    removed: old.slice(start, old.length - end),
    added: next.slice(start, next.length - end),
  };
}

interface Attempt {
  files: readonly EditedFile[];
  sources: readonly string[];
}

type Contents = ReadonlyMap<string, EditedContent>;

/** Paths of plain files as they will be. */
function pathsAfter(paths: readonly string[], contents: Contents): readonly string[] {
  const gone = new Set([...contents].flatMap(([path, content]) => (content === null ? [path] : [])));
  const fresh = [...contents.keys()].filter(path => !gone.has(path));
  return [...new Set([...paths.filter(path => !gone.has(path)), ...fresh])];
}

/** Throws `registry-invalid` where the edited texts, with these other files, have errors that were not there before. */
export function checkEdited(
  { main, texts, paths, before }: Editable & { readonly paths: readonly string[] },
  edited: ReadonlyMap<string, string>,
  contents: Contents,
): ParseResult {
  const after = parse({ main, files: new Map([...texts, ...edited]), paths: pathsAfter(paths, contents) });
  refuseNewErrors(before, after);
  return after;
}

async function editOnce(
  ports: Ports,
  edit: RegistryEdit,
  files: RepoFiles,
  attempt: Attempt,
  way: Way,
): Promise<Contents> {
  const main = ports.source.path;
  await refuseUncommitted(ports, files);
  const { texts, paths } = await registryTexts(files, main);
  const before = parse({ main, files: texts, paths });
  if (ports.source.workTree === undefined) refuseWhereForbidden(before, way);
  const edited = edit.change({ main, texts, before });
  const contents = (await edit.files?.(files)) ?? new Map<string, EditedContent>();
  checkEdited({ main, texts, before, paths }, edited, contents);
  const changed = [...edited].filter(([path, text]) => texts.get(path) !== text);
  attempt.files = changed.map(([path, text]) => changedLines(path, texts.get(path) ?? '', text));
  attempt.sources = [...contents.keys()];
  return new Map<string, EditedContent>([...changed, ...contents]);
}

/** A registry that only lies there has no commit that an edit could stand on. */
async function refuseUncommitted({ source: { path, workTree } }: Ports, files: RepoFiles): Promise<void> {
  if (workTree === undefined || (await files.read(path)) !== undefined) return;
  if ((await (await workTree.files()).read(path)) === undefined) return;
  throw new AppError('uncommitted', `${path} was never committed`, {
    hint: `Run \`git add ${path} && git commit -m "Add a registry"\` first.`,
  });
}

type Way = Awaited<ReturnType<typeof writeWay>>;

/** `policy.write` rules over what Portoser pushes by itself; a person's own work tree is the person's. */
function refuseWhereForbidden({ registry }: ParseResult, way: Way): void {
  const write = registry?.policy.write ?? 'push';
  if (write !== 'never' && write === way) return;
  const message =
    write === 'never' ? 'policy.write is never: edits are not pushed' : `policy.write became ${write} meanwhile`;
  throw new AppError('registry-edit', message, {
    hint: write === 'never' ? 'Edit the file in a work tree of your own, and push it.' : 'Do it again.',
  });
}

interface Made {
  readonly commit: string;
  readonly attempt: Attempt;
}

/** `branch`: a new one, instead of the branch that is followed. */
async function commitEdit(ports: Ports, edit: RegistryEdit, way: Way, id: string, branch?: string): Promise<Made> {
  const { git, workTree, path } = ports.source;
  const target = workTree ?? git;
  if (target === undefined) throw new AppError('registry-missing', 'there is no registry to edit');
  const attempt: Attempt = { files: [], sources: [] };
  const edits: EditFiles = files => editOnce(ports, edit, files, attempt, way);
  const where = git?.address ?? path;
  const trailers = { 'Portoser-Kind': edit.kind, 'Portoser-Id': id };
  const commit = await journal(ports, { id, to: 'git', where, what: edit.kind, keys: [] }, () =>
    target.commit(edits, edit.subject, trailers, branch),
  );
  return { commit, attempt };
}

function editedOf({ commit, attempt: { files, sources } }: Made): Edited {
  const unchanged = files.length === 0 && sources.length === 0;
  return { commit, unchanged, files, ...(sources.length === 0 ? {} : { sources }) };
}

async function proposeEdit(ports: Ports, git: GitRepo, edit: RegistryEdit, id: string): Promise<Edited> {
  const { kind, subject, once } = edit;
  forgeOf(ports);
  const before = await proposedBefore(ports.state, once);
  if (before?.pull !== undefined) return { commit: before.commit, unchanged: true, files: [], pull: before.pull };
  const branch = before?.branch ?? branchName(kind, id, once);
  const edited =
    before === undefined
      ? editedOf(await commitEdit(ports, edit, 'pull-request', id, branch))
      : { commit: before.commit, unchanged: false, files: [] };
  if (edited.unchanged) return edited;
  const proposal = { branch, commit: edited.commit };
  return { ...edited, pull: await openProposal(ports, git, { proposal, subject, kind, once }) };
}

/**
 * Commits the edit: in the person's own work tree where we stand in one, else on top of the remote's newest head, or as a
 * pull request where `policy.write` says so. Throws `registry-invalid` when it would bring new errors, `registry-edit` for
 * a dirty file, `forge-none`, and what the repository and the forge throw.
 */
export async function editRegistry(ports: Ports, edit: RegistryEdit): Promise<Edited> {
  const { git } = ports.source;
  const way = await writeWay(ports);
  const id = ports.newId();
  if (git !== undefined && way === 'pull-request') return await proposeEdit(ports, git, edit, id);
  return editedOf(await commitEdit(ports, edit, way, id));
}
