// A repository on this machine: read where it lies, nothing is cloned; its branch is changed as git itself would.
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import { AppError } from '../../schema/errors.js';
import type { CommitFacts, EditFiles, GitRepo, RepoFiles } from '../ports.js';
import { commitOn, renderMessage } from './git-edit.js';
import { openCommitFiles, type OpenRepository } from './git-files.js';
import { openHistory } from './git-history.js';
import { checkedOutAt, checkStorage, findLayout, type GitLayout } from './git-layout.js';
import { memoryFolder } from './git-memory.js';
import { openObjects } from './git-objects.js';
import { branchHead, branchNames, headBranch, isBranchName, moveBranch, readRef } from './git-refs.js';
import { raceRetries } from './git-race.js';
import { rememberedRoot } from './git-root.js';
import type { GitSettings } from './git-settings.js';
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
      ? 'Commit the registry there first: `git add registry.yml && git commit -m "Add a registry"`.'
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
  return new LocalRepo(path, layout, await chooseBranch(layout, settings, path), settings);
}

const advice = 'Run `git fsck` there; a copy of the repository elsewhere may have what is missing.';

class LocalRepo implements GitRepo {
  readonly address: string;
  readonly branch: string;
  readonly #layout: GitLayout;
  readonly #settings: GitSettings;
  readonly #repo: OpenRepository;
  readonly #queue = new PQueue({ concurrency: 1 });

  constructor(path: string, layout: GitLayout, branch: string, settings: GitSettings) {
    this.address = path;
    this.branch = branch;
    this.#layout = layout;
    this.#settings = settings;
    const objects = openObjects(layout.commonDir, advice);
    this.#repo = { objects, trees: openTrees(objects), history: openHistory(objects) };
  }

  remoteHead(): Promise<string> {
    return branchHead(this.#layout, this.branch, this.address);
  }

  /** It is here already. */
  fetch(): Promise<string> {
    return this.remoteHead();
  }

  files(commit: string): Promise<RepoFiles> {
    return openCommitFiles(this.#repo, commit);
  }

  has(commit: string): Promise<boolean> {
    return this.#repo.history.has(commit);
  }

  isAncestor(ancestor: string, commit: string): Promise<boolean> {
    return this.#repo.history.isAncestor(ancestor, commit);
  }

  rootCommit(commit: string): Promise<string> {
    const folder = memoryFolder(this.#settings.stateDir, this.address);
    return rememberedRoot(folder, this.address, this.#repo.history, commit, this.#settings.log);
  }

  commitFacts(commit: string): Promise<CommitFacts> {
    return this.#repo.history.facts(commit);
  }

  mergeBase(one: string, other: string): Promise<string | undefined> {
    return this.#repo.history.mergeBase(one, other);
  }

  /** It is here already. */
  async fetchRef(ref: string): Promise<string> {
    const { oid } = await readRef(this.#layout.commonDir, ref);
    if (oid !== undefined) return oid;
    throw new AppError('git-missing', `there is no ${ref} in ${this.address}`, { details: { ref } });
  }

  commit(
    edit: EditFiles,
    message: string,
    trailers: Readonly<Record<string, string>>,
    branch = this.branch,
  ): Promise<string> {
    const text = renderMessage(message, trailers);
    return this.#queue.add(() => pRetry(() => this.#attempt(edit, text, branch), raceRetries));
  }

  async #attempt(edit: EditFiles, message: string, branch: string): Promise<string> {
    const { log, clock } = this.#settings;
    const head = await this.remoteHead();
    const changes = await edit(await openCommitFiles(this.#repo, head));
    const commit = await commitOn(this.#repo, head, changes, message, clock?.now() ?? Date.now());
    if (commit === head) return head;
    if (branch !== this.branch) {
      await moveBranch(this.#layout.commonDir, branch, undefined, commit);
      return commit;
    }
    // Moved behind its back, a work tree would show the edit as undone.
    const workTree = await checkedOutAt(this.#layout, this.branch);
    if (workTree !== undefined) return await commitInWorkTree(workTree, head, changes, message, log);
    await moveBranch(this.#layout.commonDir, this.branch, head, commit);
    return commit;
  }

  async watch(changed: () => void): Promise<() => Promise<void>> {
    const { commonDir } = this.#layout;
    const { log } = this.#settings;
    const look = async (): Promise<string> => (await readRef(commonDir, `refs/heads/${this.branch}`)).oid ?? 'none';
    let last = await look();
    async function compare(): Promise<void> {
      const now = await look();
      if (now === last) return;
      last = now;
      changed();
    }
    const failed = (error: unknown): void => log.warn({ err: error }, 'the watched branch could not be read');
    const stop = await watchRefs([commonDir], () => void compare().catch(failed), log);
    // What came while the watcher was getting ready is not told by it.
    await compare();
    return stop;
  }

  close(): Promise<void> {
    return this.#queue.onIdle();
  }
}
