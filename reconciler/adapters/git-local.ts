// A repository on this machine: read where it lies, nothing is cloned; its branch is changed as git itself would.
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import { AppError } from '../../schema/errors.js';
import type { EditFiles, GitRepo } from '../ports.js';
import { editTree, renderMessage, writeCommit } from './git-edit.js';
import { openCommitFiles } from './git-files.js';
import { openHistory } from './git-history.js';
import { checkedOutAt, checkStorage, findLayout, type GitLayout } from './git-layout.js';
import { memoryFolder } from './git-memory.js';
import { openObjects } from './git-objects.js';
import { branchHead, branchNames, headBranch, isBranchName, moveBranch, readRef } from './git-refs.js';
import { rememberedRoot } from './git-root.js';
import { portoser, raceRetries, type GitSettings } from './git-settings.js';
import { openTrees } from './git-tree.js';
import { watchRefs } from './watch.js';
import { commitInWorkTree } from './git-work-commit.js';

async function chooseBranch(layout: GitLayout, settings: GitSettings, shown: string): Promise<string> {
  const branch = settings.branch ?? (await headBranch(layout.gitDir));
  if (branch === undefined) {
    throw new AppError('git-missing', `HEAD of ${shown} names no branch`, {
      hint: 'Check a branch out there, or name one with --branch.',
    });
  }
  if (!isBranchName(branch)) throw new AppError('settings-invalid', `${JSON.stringify(branch)} is no name of a branch`);
  const { oid } = await readRef(layout.commonDir, `refs/heads/${branch}`);
  if (oid !== undefined) return branch;
  const others = await branchNames(layout.commonDir);
  const hint =
    others.length === 0
      ? 'Commit something there first.'
      : `Name one that is there with --branch: ${others.slice(0, 10).join(', ')}.`;
  throw new AppError('git-missing', `there is no branch ${branch} in ${shown}`, { details: { branch }, hint });
}

async function openLayout(path: string): Promise<GitLayout> {
  const layout = await findLayout(path);
  if (layout === undefined) throw new AppError('git-missing', `${path} is no git repository`);
  await checkStorage(layout.commonDir);
  return layout;
}

/** Throws `git-missing`, `git-unsupported`, `git-broken` or `git-unreachable` (no right to read). */
export async function openLocalRepo(path: string, settings: GitSettings): Promise<GitRepo> {
  const layout = await openLayout(path);
  const { commonDir } = layout;
  const branch = await chooseBranch(layout, settings, path);
  const objects = openObjects(
    commonDir,
    'Run `git fsck` there; a copy of the repository elsewhere may have what is missing.',
  );
  const repo = { objects, trees: openTrees(objects), history: openHistory(objects) };
  const queue = new PQueue({ concurrency: 1 });
  const folder = memoryFolder(settings.stateDir, path);
  const remoteHead = (): Promise<string> => branchHead(layout, branch, path);

  async function attempt(edit: EditFiles, message: string): Promise<string> {
    const head = await remoteHead();
    const changes = await edit(await openCommitFiles(repo, head));
    const { tree } = await repo.history.commit(head);
    const edited = await editTree(repo, tree, changes);
    if (edited === tree) return head;
    // Moved behind its back, a work tree would show the edit as undone.
    const workTree = await checkedOutAt(layout, branch);
    if (workTree !== undefined) return await commitInWorkTree(workTree, head, changes, message, settings.log);
    const at = settings.clock?.now() ?? Date.now();
    const commit = await writeCommit(repo, { tree: edited, parent: head, author: portoser, at, message });
    await moveBranch(commonDir, branch, head, commit);
    return commit;
  }

  async function commit(edit: EditFiles, message: string, trailers: Readonly<Record<string, string>>): Promise<string> {
    const text = renderMessage(message, trailers);
    const shouldRetry = ({ error }: { error: Error }): boolean =>
      error instanceof AppError && error.code === 'git-race';
    return await queue.add(() => pRetry(() => attempt(edit, text), { ...raceRetries, shouldRetry }));
  }

  async function watch(changed: () => void): Promise<() => Promise<void>> {
    const look = async (): Promise<string> => (await readRef(commonDir, `refs/heads/${branch}`)).oid ?? 'none';
    let last = await look();
    async function compare(): Promise<void> {
      const now = await look();
      if (now === last) return;
      last = now;
      changed();
    }
    const failed = (error: unknown): void => settings.log.warn({ err: error }, 'the watched branch could not be read');
    const stop = await watchRefs([commonDir], () => void compare().catch(failed), settings.log);
    // What came while the watcher was getting ready is not told by it.
    await compare();
    return stop;
  }

  return {
    address: path,
    branch,
    remoteHead,
    fetch: remoteHead,
    files: id => openCommitFiles(repo, id),
    has: id => repo.history.has(id),
    isAncestor: (ancestor, id) => repo.history.isAncestor(ancestor, id),
    rootCommit: id => rememberedRoot(folder, path, repo.history, id, settings.log),
    commitFacts: async id => {
      const { tree: _, ...facts } = await repo.history.commit(id);
      return facts;
    },
    commit,
    watch,
    close: () => queue.onIdle(),
  };
}
