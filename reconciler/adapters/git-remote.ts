// A repository elsewhere: one clone on our disk, kept up to date, mended when it breaks; edits are pushed.
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import { listServerRefs } from 'isomorphic-git';
import { AppError } from '../../schema/errors.js';
import type { EditFiles, GitRepo, RepoFiles } from '../ports.js';
import { type Clone, cloneExists, fetchBranch, noteHead, removeLeftovers } from './git-clone.js';
import { editTree, renderMessage, writeCommit } from './git-edit.js';
import { hasCode, translate } from './git-errors.js';
import { openCommitFiles } from './git-files.js';
import { keepClone } from './git-keeper.js';
import { memoryFolder, readMemory, remember } from './git-memory.js';
import { pushCommit } from './git-push.js';
import { isBranchName } from './git-refs.js';
import { rememberedRoot } from './git-root.js';
import { portoser, raceRetries, type GitSettings } from './git-settings.js';
import type { GitTransport } from './git-transport.js';

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
  const { shown } = transport;
  const folder = memoryFolder(settings.stateDir, shown);
  const branch = await chooseBranch(transport, settings, folder);
  async function remoteHead(): Promise<string> {
    const head = (await remoteRefs(transport)).find(one => one.ref === `refs/heads/${branch}`)?.oid;
    if (head === undefined)
      throw new AppError('git-missing', `there is no branch ${branch} in ${shown}`, {
        details: { branch, address: shown },
      });
    return head;
  }

  const keeper = keepClone({ transport, folder, branch, remoteHead, log: settings.log });
  const queue = new PQueue({ concurrency: 1 });
  await removeLeftovers(folder, (await readMemory(folder, shown)).clone, settings.clock?.now() ?? Date.now());

  /** Reads from the clone; one that turns out to be broken is made anew and read again. */
  async function reading<T>(work: (clone: Clone) => Promise<T>): Promise<T> {
    const clone = keeper.current() ?? (await queue.add(() => keeper.usable()));
    try {
      return await work(clone);
    } catch (error) {
      const gone = hasCode(error, 'git-missing') && !(await cloneExists(folder, clone.name));
      if (!gone && !hasCode(error, 'git-broken')) throw error;
      return await work(await queue.add(() => keeper.replace(clone, error)));
    }
  }

  async function attempt(edit: EditFiles, message: string): Promise<string> {
    const head = await keeper.bring();
    const clone = await keeper.usable();
    const changes = await edit(await openCommitFiles(clone, head));
    const { tree } = await clone.history.commit(head);
    const edited = await editTree(clone, tree, changes);
    if (edited === tree) return head;
    const at = settings.clock?.now() ?? Date.now();
    const commit = await writeCommit(clone, { tree: edited, parent: head, author: portoser, at, message });
    await pushCommit({
      clone,
      transport,
      branch,
      expected: head,
      commit,
      remoteHead,
      fetch: () => fetchBranch(clone, transport, branch),
    });
    await noteHead(clone, branch, commit);
    return commit;
  }

  function files(commit: string): Promise<RepoFiles> {
    let opened: { readonly clone: Clone; readonly files: RepoFiles } | undefined;
    const on = <T>(act: (opened: RepoFiles) => Promise<T>): Promise<T> =>
      reading(async clone => {
        if (opened?.clone !== clone) opened = { clone, files: await openCommitFiles(clone, commit) };
        return await act(opened.files);
      });
    return on(() =>
      Promise.resolve({
        revision: commit,
        read: path => on(one => one.read(path)),
        list: path => on(one => one.list(path)),
      }),
    );
  }

  return {
    address: shown,
    branch,
    remoteHead,
    fetch: () => queue.add(() => keeper.bring()),
    files,
    has: commit => reading(clone => clone.history.has(commit)),
    isAncestor: (ancestor, commit) => reading(clone => clone.history.isAncestor(ancestor, commit)),
    rootCommit: commit => reading(clone => rememberedRoot(folder, shown, clone.history, commit, settings.log)),
    commitFacts: commit =>
      reading(async clone => {
        const { tree: _, ...facts } = await clone.history.commit(commit);
        return facts;
      }),
    commit: (edit, message, trailers) => {
      const text = renderMessage(message, trailers);
      const shouldRetry = ({ error }: { error: Error }): boolean => hasCode(error, 'git-race');
      return queue.add(() => pRetry(() => attempt(edit, text), { ...raceRetries, shouldRetry }));
    },
    watch: () => Promise.resolve(() => Promise.resolve()),
    close: async () => {
      await queue.onIdle();
      await transport.close();
    },
  };
}
