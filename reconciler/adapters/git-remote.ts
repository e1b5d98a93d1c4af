// A repository elsewhere: one clone on our disk, kept up to date, mended when it breaks; edits are pushed.
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import { AppError } from '../../schema/errors.js';
import type { CommitFacts, EditFiles, GitRepo, RepoFiles } from '../ports.js';
import { type Clone, fetchBranch, fetchOther, noteHead, removeLeftovers } from './git-clone.js';
import { commitOn, renderMessage } from './git-edit.js';
import { hasCode, translate } from './git-errors.js';
import { openCommitFiles } from './git-files.js';
import { CloneKeeper } from './git-keeper.js';
import { memoryFolder, readMemory, remember } from './git-memory.js';
import { pushCommit } from './git-push.js';
import { isBranchName } from './git-refs.js';
import { rememberedRoot } from './git-root.js';
import { raceRetries } from './git-race.js';
import type { GitSettings } from './git-settings.js';
import type { GitTransport } from './git-transport.js';
import { listServerRefs } from './isomorphic-git.js';

async function remoteRefs(transport: GitTransport): Promise<Awaited<ReturnType<typeof listServerRefs>>> {
  try {
    // Version 1 answers in one round; version 2 would need two.
    return await transport.operate('read', http =>
      listServerRefs({ http, url: transport.url, protocolVersion: 1, symrefs: true }),
    );
  } catch (error) {
    throw translate(error, transport.shown, 'read');
  }
}

async function askDefaultBranch(transport: GitTransport): Promise<string> {
  const refs = await remoteRefs(transport);
  const target = refs.find(one => one.ref === 'HEAD')?.target;
  if (target?.startsWith('refs/heads/') === true) return target.slice('refs/heads/'.length);
  const heads = refs.filter(one => one.ref.startsWith('refs/heads/')).map(one => one.ref.slice('refs/heads/'.length));
  const hint =
    heads.length === 0
      ? 'Push something there first.'
      : `Name one that is there with --branch: ${heads.slice(0, 10).join(', ')}.`;
  throw new AppError('git-missing', `${transport.shown} has no default branch with commits`, { hint });
}

/** While the remote is away the branch that was the default when it was last seen is taken. */
async function chooseBranch(transport: GitTransport, settings: GitSettings, folder: string): Promise<string> {
  if (settings.branch !== undefined) {
    if (!isBranchName(settings.branch))
      throw new AppError('settings-invalid', `${JSON.stringify(settings.branch)} is no name of a branch`);
    return settings.branch;
  }
  const { defaultBranch } = await readMemory(folder, transport.shown);
  try {
    const branch = await askDefaultBranch(transport);
    if (branch !== defaultBranch) await remember(folder, transport.shown, { defaultBranch: branch });
    return branch;
  } catch (error) {
    if (defaultBranch === undefined || !hasCode(error, 'git-unreachable')) throw error;
    settings.log.warn({ err: error, branch: defaultBranch }, 'the repository is away; its branch is taken as it was');
    return defaultBranch;
  }
}

/** The transport is closed with the repository. Throws what openGitRepo throws. */
export async function openRemoteRepo(transport: GitTransport, settings: GitSettings): Promise<GitRepo> {
  const folder = memoryFolder(settings.stateDir, transport.shown);
  const branch = await chooseBranch(transport, settings, folder);
  const { clone } = await readMemory(folder, transport.shown);
  await removeLeftovers(folder, clone, settings.clock?.now() ?? Date.now());
  return new RemoteRepo(transport, settings, folder, branch);
}

/** A running operation may finish within this when the repository is closed. */
const closeLimitMs = 5_000;

/** What a server tells of a branch that is not there (gitprotocol-pack). */
const noHead = '0'.repeat(40);

class RemoteRepo implements GitRepo {
  readonly address: string;
  readonly branch: string;
  readonly #transport: GitTransport;
  readonly #settings: GitSettings;
  readonly #folder: string;
  readonly #keeper: CloneKeeper;
  /** isomorphic-git locks nothing between its calls. */
  readonly #queue = new PQueue({ concurrency: 1 });

  constructor(transport: GitTransport, settings: GitSettings, folder: string, branch: string) {
    this.address = transport.shown;
    this.branch = branch;
    this.#transport = transport;
    this.#settings = settings;
    this.#folder = folder;
    const remoteHead = (): Promise<string> => this.remoteHead();
    this.#keeper = new CloneKeeper({ transport, folder, branch, remoteHead, log: settings.log });
  }

  async #headOf(branch: string): Promise<string | undefined> {
    const ref = `refs/heads/${branch}`;
    return (await remoteRefs(this.#transport)).find(one => one.ref === ref)?.oid;
  }

  async remoteHead(): Promise<string> {
    const head = await this.#headOf(this.branch);
    if (head !== undefined) return head;
    const details = { branch: this.branch, address: this.address };
    throw new AppError('git-missing', `there is no branch ${this.branch} in ${this.address}`, { details });
  }

  fetch(): Promise<string> {
    return this.#queue.add(() => this.#keeper.bring());
  }

  fetchRef(ref: string): Promise<string> {
    return this.#queue.add(async () => fetchOther(await this.#keeper.usable(), this.#transport, this.branch, ref));
  }

  /** Reads from the clone; one that turns out to be broken is made anew and read again. */
  async #reading<T>(work: (clone: Clone) => Promise<T>): Promise<T> {
    const clone = this.#keeper.current() ?? (await this.#queue.add(() => this.#keeper.usable()));
    try {
      return await work(clone);
    } catch (error) {
      if (!(await this.#keeper.isBroken(clone, error))) throw error;
      return await work(await this.#queue.add(() => this.#keeper.replace(clone, error)));
    }
  }

  files(commit: string): Promise<RepoFiles> {
    let opened: { readonly clone: Clone; readonly files: RepoFiles } | undefined;
    const on = <T>(act: (opened: RepoFiles) => Promise<T>): Promise<T> =>
      this.#reading(async clone => {
        if (opened?.clone !== clone) opened = { clone, files: await openCommitFiles(clone, commit) };
        return await act(opened.files);
      });
    const lasting: RepoFiles = {
      revision: commit,
      read: path => on(one => one.read(path)),
      list: path => on(one => one.list(path)),
    };
    return on(() => Promise.resolve(lasting));
  }

  has(commit: string): Promise<boolean> {
    return this.#reading(clone => clone.history.has(commit));
  }

  isAncestor(ancestor: string, commit: string): Promise<boolean> {
    return this.#reading(clone => clone.history.isAncestor(ancestor, commit));
  }

  rootCommit(commit: string): Promise<string> {
    return this.#reading(clone =>
      rememberedRoot(this.#folder, this.address, clone.history, commit, this.#settings.log),
    );
  }

  commitFacts(commit: string): Promise<CommitFacts> {
    return this.#reading(clone => clone.history.facts(commit));
  }

  mergeBase(one: string, other: string): Promise<string | undefined> {
    return this.#reading(clone => clone.history.mergeBase(one, other));
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
    const expected = await this.#keeper.bring();
    const clone = await this.#keeper.usable();
    const at = this.#settings.clock?.now() ?? Date.now();
    const commit = await commitOn(clone, expected, await edit(await openCommitFiles(clone, expected)), message, at);
    if (commit === expected) return expected;
    const transport = this.#transport;
    if (branch !== this.branch) {
      const remoteHead = async (): Promise<string> => (await this.#headOf(branch)) ?? noHead;
      await pushCommit({ clone, transport, branch, expected: noHead, commit, remoteHead, fetch: remoteHead });
      return commit;
    }
    const remoteHead = (): Promise<string> => this.remoteHead();
    const fetch = (): Promise<string> => fetchBranch(clone, transport, branch);
    await pushCommit({ clone, transport, branch, expected, commit, remoteHead, fetch });
    await noteHead(clone, branch, commit);
    return commit;
  }

  watch(): Promise<() => Promise<void>> {
    return Promise.resolve(() => Promise.resolve());
  }

  async close(): Promise<void> {
    await Promise.race([this.#queue.onIdle(), sleep(closeLimitMs, undefined, { ref: false })]);
    await this.#transport.close();
  }
}
