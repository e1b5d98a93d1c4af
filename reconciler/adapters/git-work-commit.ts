// Edits files in a person's work tree and commits just these: by their own git, or where there is none by hand.
import * as fs from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { EditedContent, Log } from '../ports.js';
import { runGit, type GitOutput } from './git-cli.js';
import { editTree, writablePath, writeCommit, type Changes } from './git-edit.js';
import { gitFs, readTextIfThere, writeAllowed } from './git-fs.js';
import { openHistory } from './git-history.js';
import type { GitLayout } from './git-layout.js';
import { openObjects } from './git-objects.js';
import { headBranch, moveBranch } from './git-refs.js';
import { openTrees } from './git-tree.js';
import { lstatWithin, openWorkTree, type WorkTree } from './work-tree.js';
import { add, getConfig, remove } from './isomorphic-git.js';

/** Takes a file away, and the folders that it leaves empty, as git does. */
async function removeWithin(root: string, names: readonly string[]): Promise<void> {
  await fs.rm(join(root, ...names), { force: true });
  for (let depth = names.length - 1; depth > 0; depth -= 1) {
    try {
      await fs.rmdir(join(root, ...names.slice(0, depth)));
    } catch {
      // Something else stands in it, or it is gone already.
      return;
    }
  }
}

/** Mode bits of a file that anyone may run, as far as they may read it. */
const runnable = (mode: number, executable: boolean): number =>
  executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;

/** Writes one file of a work tree, mode kept where none is given; null deletes. A link on the way is refused. */
async function writeWithin(root: string, path: string, content: EditedContent): Promise<void> {
  const names = writablePath(path);
  const full = join(root, ...names);
  if (content === null) return await removeWithin(root, names);
  for (let depth = 1; depth < names.length; depth += 1) {
    const at = await lstatWithin(root, names.slice(0, depth));
    if (at !== undefined && !at.isDirectory())
      throw new AppError('registry-edit', `${path} cannot be written: ${names[depth - 1]} is no folder`);
  }
  await fs.mkdir(join(full, '..'), { recursive: true });
  const before = await lstatWithin(root, names);
  if (before !== undefined && !before.isFile())
    throw new AppError('registry-edit', `${path} cannot be written: it is no plain file`);
  const whole = typeof content !== 'string';
  await writeAllowed(full, whole ? content.bytes : content);
  const mode = Number((before ?? (await fs.stat(full))).mode) & 0o7777;
  await fs.chmod(full, whole ? runnable(mode, content.executable) : mode);
}

/** What is taken away goes first: a folder may come in the place of a file. */
const inOrder = (changes: Changes): readonly (readonly [string, EditedContent])[] =>
  [...changes].toSorted(([, one], [, other]) => Number(other === null) - Number(one === null));

/** As it lies there now; null: not there. */
async function contentOf(tree: WorkTree, path: string): Promise<EditedContent> {
  const bytes = await tree.read(path);
  if (bytes === undefined) return null;
  const at = await lstatWithin(tree.root, path.split('/'));
  return { bytes, executable: (Number(at?.mode ?? 0) & 0o100) !== 0 };
}

/**
 * Writes the files where they lie, commits just these as the person whose work tree it is, and pushes where there is an
 * upstream. Throws `registry-edit` when one of them differs from the commit; `git-rejected` when their git refuses (a
 * hook, no identity: then the files are as before) or the upstream does (then the commit is kept). Answers the commit.
 */
export async function commitInWorkTree(
  root: string,
  head: string,
  changes: Changes,
  message: string,
  log: Log,
): Promise<string> {
  const tree = await openWorkTree(root);
  if (tree.layout === undefined) throw new AppError('git-missing', `${root} lies in no git repository`);
  const names = [...changes.keys()].map(path => writablePath(path).join('/'));
  await refuseDirty(tree, head, names);
  const before = new Map(await Promise.all(names.map(async path => [path, await contentOf(tree, path)] as const)));
  const request = { tree, head, names, message, log };
  let byCli: string | undefined;
  try {
    for (const [path, content] of inOrder(changes)) await writeWithin(root, path, content);
    byCli = await commitByCli(request);
    if (byCli === undefined) return await commitByHand({ ...request, changes, layout: tree.layout });
  } catch (error) {
    for (const [path, content] of inOrder(before)) await writeWithin(root, path, content);
    throw error;
  }
  await pushUpstream(tree, byCli, log);
  return byCli;
}

interface WorkCommit {
  readonly tree: WorkTree;
  readonly head: string;
  readonly names: readonly string[];
  readonly message: string;
  readonly log: Log;
}

const tail = (output: GitOutput): string => `${output.stderr}\n${output.stdout}`.trim().slice(-2_000);

/** Throws `registry-edit` when one of the files is not as committed, on disk or in the index. */
async function refuseDirty(tree: WorkTree, head: string, names: readonly string[]): Promise<void> {
  const status = await runGit(tree.root, ['status', '--porcelain', '-z', '--untracked-files=all', '--', ...names]);
  const staged =
    status?.code === 0
      ? status.stdout
          .split('\0')
          .filter(line => line !== '')
          .map(line => line.slice(3))
      : [];
  const dirty = [...new Set([...staged, ...(await tree.differs(head, names))])];
  if (dirty.length === 0) return;
  throw new AppError('registry-edit', `${dirty.join(', ')} in ${tree.root} is not as it was committed`, {
    hint: 'Commit it or put it aside (`git stash`) first.',
    details: { path: dirty[0] ?? '' },
  });
}

/** undefined: there is no git here. */
async function commitByCli({ tree, head, names, message }: WorkCommit): Promise<string | undefined> {
  // A new path has to be known before `--only` takes it; nothing else of the index goes into the commit.
  const there = await present(tree, names);
  const known = await runGit(tree.root, ['add', '--intent-to-add', '--', ...there]);
  if (known === undefined) return undefined;
  // A file that a folder took the place of goes with what is below it; by its own name git takes it for a submodule.
  const named = names.filter(name => there.includes(name) || !there.some(one => one.startsWith(`${name}/`)));
  const words = ['commit', '--quiet', '--cleanup=whitespace', '--only', '--file=-', '--', ...named];
  const committed = known.code === 0 ? await runGit(tree.root, words, message) : known;
  if (committed === undefined || committed.code !== 0) {
    await runGit(tree.root, ['reset', '--quiet', head, '--', ...names]);
    throw new AppError(
      'git-rejected',
      `git in ${tree.root} did not take the commit: ${committed === undefined ? 'it is gone' : tail(committed)}`,
      {
        hint: 'Git said why, above; the files are as before.',
      },
    );
  }
  return (await runGit(tree.root, ['rev-parse', 'HEAD']))?.stdout.trim() ?? head;
}

async function present(tree: WorkTree, names: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(names.map(async path => ((await tree.read(path)) === undefined ? [] : [path])));
  return there.flat();
}

/** Where there is no upstream, or it is a branch of the same repository, there is nothing to push to. */
async function pushUpstream(tree: WorkTree, commit: string, log: Log): Promise<void> {
  const branch = tree.layout === undefined ? undefined : await headBranch(tree.layout.gitDir);
  if (branch === undefined) return;
  const read = async (key: string): Promise<string> =>
    (await runGit(tree.root, ['config', '--get', `branch.${branch}.${key}`]))?.stdout.trim() ?? '';
  const [remote, upstream] = [await read('remote'), await read('merge')];
  if (remote === '' || remote === '.' || upstream === '') return;
  const pushed = await runGit(tree.root, ['push', '--quiet', remote, `HEAD:${upstream}`]);
  if (pushed?.code === 0) return log.debug({ commit, remote }, 'pushed the edit to the upstream');
  throw new AppError(
    'git-rejected',
    `the edit is committed in ${tree.root} as ${commit}, but its upstream did not take it: ${pushed === undefined ? '' : tail(pushed)}`,
    {
      hint: 'Pull and push there by hand; the commit is kept.',
      details: { commit, committed: true },
    },
  );
}

/** The identity of the person, where git keeps it. */
async function identity(layout: GitLayout): Promise<string> {
  const own = async (key: string): Promise<string | undefined> => {
    const value: unknown = await getConfig({ fs: gitFs, gitdir: layout.commonDir, path: `user.${key}` });
    return typeof value === 'string' ? value : undefined;
  };
  const name = (await own('name')) ?? (await globalUser('name'));
  const email = (await own('email')) ?? (await globalUser('email'));
  if (name === undefined || email === undefined) {
    throw new AppError('registry-edit', 'git does not know who you are', {
      hint: 'Run `git config --global user.name` and `user.email`.',
    });
  }
  return `${name} <${email}>`;
}

async function globalUser(key: string): Promise<string | undefined> {
  const xdg = process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config');
  for (const path of [join(homedir(), '.gitconfig'), join(xdg, 'git/config')]) {
    const section = /^\[user\]\s*\n((?:(?!\[).*\n?)*)/m.exec((await readTextIfThere(path)) ?? '')?.[1] ?? '';
    const value = new RegExp(`^\\s*${key}\\s*=\\s*(.*)$`, 'mi').exec(section)?.[1]?.trim();
    if (value !== undefined && value !== '') return value.replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

/**
 * Without a git: the commit is made from the committed tree, so what else is staged stays staged. Hooks do not run and
 * nothing is pushed, since both are that person's git's.
 */
async function commitByHand(
  request: WorkCommit & { readonly changes: Changes; readonly layout: GitLayout },
): Promise<string> {
  const { tree, head, layout, changes, message, log } = request;
  if (layout.gitDir !== layout.commonDir)
    throw new AppError(
      'not-supported',
      `${tree.root} is a linked work tree; committing there needs git on this machine`,
    );
  const branch = await headBranch(layout.gitDir);
  if (branch === undefined) throw new AppError('registry-edit', `HEAD of ${tree.root} names no branch`);
  const objects = openObjects(layout.commonDir);
  const repo = { objects, trees: openTrees(objects), history: openHistory(objects) };
  const edited = await editTree(repo, (await repo.history.commit(head)).tree, changes);
  const commit = await writeCommit(repo, {
    tree: edited,
    parent: head,
    author: await identity(layout),
    at: Date.now(),
    message,
  });
  await moveBranch(layout.commonDir, branch, head, commit);
  for (const [filepath, content] of inOrder(changes)) {
    const place = { fs: gitFs, dir: tree.root, gitdir: layout.gitDir, filepath };
    await (content === null ? remove(place) : add(place));
  }
  log.info({ commit, root: tree.root }, 'committed without a git on this machine; push it yourself');
  return commit;
}
