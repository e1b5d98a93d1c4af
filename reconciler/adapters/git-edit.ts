// Turns an edit of files into git objects: blobs, the trees that lead to them, a commit.
import { AppError } from '../../schema/errors.js';
import type { EditedContent } from '../ports.js';
import { splitPath, type OpenRepository } from './git-files.js';
import { portoser } from './git-settings.js';
import { renderTree, type TreeEntry } from './git-tree.js';

/** New contents by path; null deletes. */
export type Changes = ReadonlyMap<string, EditedContent>;

const refuse = (path: string, why: string): AppError =>
  new AppError('registry-edit', `${path} cannot be written: ${why}`, { details: { path } });

/** The names of a path that may be written. Throws `registry-edit`. */
export function writablePath(path: string): readonly string[] {
  const names = splitPath(path);
  if (names === undefined || names.length === 0)
    throw refuse(JSON.stringify(path), 'it is no path within the repository');
  if (names.some(name => name.toLowerCase() === '.git')) throw refuse(path, '.git is not a name in a repository');
  return names;
}

interface Leaf {
  readonly names: readonly string[];
  readonly path: string;
  readonly content: EditedContent;
}

/** Answers the id of the edited tree, the same one when nothing changed. Modes are kept; empty folders vanish. */
export async function editTree(repo: OpenRepository, tree: string, changes: Changes): Promise<string> {
  const leaves = [...changes].map(([path, content]): Leaf => ({ names: writablePath(path), path, content }));
  return (await editFolder(repo, tree, leaves)) ?? (await repo.objects.write('tree', renderTree([])));
}

async function editFolder(
  repo: OpenRepository,
  tree: string | undefined,
  leaves: readonly Leaf[],
): Promise<string | undefined> {
  const entries = new Map((tree === undefined ? [] : await repo.trees.entries(tree)).map(entry => [entry.name, entry]));
  for (const name of new Set(leaves.map(leaf => leaf.names[0] ?? ''))) {
    const below = leaves.filter(leaf => leaf.names[0] === name);
    const edited = await editEntry(repo, name, entries.get(name), below);
    if (edited === undefined) entries.delete(name);
    else entries.set(name, edited);
  }
  return entries.size === 0 ? undefined : await repo.objects.write('tree', renderTree([...entries.values()]));
}

async function editEntry(
  repo: OpenRepository,
  name: string,
  before: TreeEntry | undefined,
  leaves: readonly Leaf[],
): Promise<TreeEntry | undefined> {
  const [first] = leaves;
  if (first === undefined) return before;
  if (before?.kind === 'link' || before?.kind === 'submodule') throw refuse(first.path, `${name} is a ${before.kind}`);
  const own = leaves.find(leaf => leaf.names.length === 1);
  const deeper = leaves.filter(leaf => leaf.names.length > 1);
  if (deeper.length === 0) return own === undefined ? before : await editFile(repo, name, before, own);
  if (before?.kind === 'file' && own?.content !== null) throw refuse(first.path, `${name} is a file`);
  const folder = before?.kind === 'folder' ? before.oid : undefined;
  const below = deeper.map(leaf => ({ ...leaf, names: leaf.names.slice(1) }));
  const oid = await editFolder(repo, folder, below);
  const left: TreeEntry | undefined = oid === undefined ? undefined : { name, kind: 'folder', executable: false, oid };
  // A file comes in the place of a folder, or a folder in the place of a file.
  return own === undefined || own.content === null ? left : await editFile(repo, name, left, own);
}

async function editFile(
  repo: OpenRepository,
  name: string,
  before: TreeEntry | undefined,
  leaf: Leaf,
): Promise<TreeEntry | undefined> {
  if (before?.kind === 'folder') throw refuse(leaf.path, 'it is a folder');
  const { content } = leaf;
  if (content === null) return undefined;
  const whole = typeof content !== 'string';
  const oid = await repo.objects.write('blob', Buffer.from(whole ? content.bytes : content));
  const executable = whole ? content.executable : (before?.executable ?? false);
  return { name, kind: 'file', executable, oid };
}

/** Message and trailers (git-interpret-trailers(1)) as they stand in a commit. */
export function renderMessage(message: string, trailers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(trailers).map(([key, value]) => `${key}: ${value.replaceAll(/\s+/g, ' ').trim()}`);
  const body = message.trim();
  return lines.length === 0 ? `${body}\n` : `${body}\n\n${lines.join('\n')}\n`;
}

export interface NewCommit {
  readonly tree: string;
  readonly parent: string;
  /** As git writes it: `Name <address>`. */
  readonly author: string;
  readonly at: number;
  readonly message: string;
}

export async function writeCommit(repo: OpenRepository, commit: NewCommit): Promise<string> {
  const by = `${commit.author} ${Math.floor(commit.at / 1000)} +0000`;
  const text = `tree ${commit.tree}\nparent ${commit.parent}\nauthor ${by}\ncommitter ${by}\n\n${commit.message}`;
  return await repo.objects.write('commit', Buffer.from(text));
}

/** The commit of portoser that makes these changes on a head; the head itself when they change nothing. */
export async function commitOn(
  repo: OpenRepository,
  head: string,
  changes: Changes,
  message: string,
  at: number,
): Promise<string> {
  const { tree } = await repo.history.commit(head);
  const edited = await editTree(repo, tree, changes);
  return edited === tree
    ? head
    : await writeCommit(repo, { tree: edited, parent: head, author: portoser, at, message });
}
