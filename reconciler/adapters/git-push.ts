// Pushes one commit onto the head that it was made for, never by force, and finds out what became of it.
import { AppError } from '../../schema/errors.js';
import type { Clone } from './git-clone.js';
import { translate } from './git-errors.js';
import { gitFs, writeAtomic } from './git-fs.js';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitTransport, Spoken } from './git-transport.js';
import { Errors, push } from './isomorphic-git.js';

export interface Push {
  readonly clone: Clone;
  readonly transport: GitTransport;
  readonly branch: string;
  /** The head that the commit stands on. */
  readonly expected: string;
  readonly commit: string;
  readonly remoteHead: () => Promise<string>;
  readonly fetch: () => Promise<string>;
}

const raced = (one: Push): AppError =>
  new AppError('git-race', `others pushed to ${one.branch} of ${one.transport.shown} first`);

/** isomorphic-git pushes refs, not commits. */
const pushRef = 'refs/portoser/push';

async function send(one: Push): Promise<void> {
  const { clone, transport, branch, expected } = one;
  await mkdir(join(clone.gitDir, 'refs/portoser'), { recursive: true });
  await writeAtomic(join(clone.gitDir, pushRef), `${one.commit}\n`);
  let spoken: Spoken | undefined;
  try {
    await transport.operate('write', (http, said) => {
      spoken = said;
      return push({
        fs: gitFs,
        http,
        gitdir: clone.gitDir,
        cache: clone.objects.cache(),
        url: transport.url,
        remote: 'origin',
        ref: pushRef,
        remoteRef: `refs/heads/${branch}`,
        // The server swaps the ref only if it is still what it told us here, so this closes the gap.
        onPrePush: ({ remoteRef }) => remoteRef.oid === expected,
      });
    });
  } catch (error) {
    throw pushError(one, error, spoken?.said ?? '');
  }
}

function pushError(one: Push, error: unknown, said: string): AppError {
  if (error instanceof Errors.UserCanceledError || error instanceof Errors.PushRejectedError) return raced(one);
  if (!(error instanceof Errors.GitPushError)) return translate(error, one.transport.shown, 'write');
  const { result } = error.data as { result: { error?: string; refs: Record<string, { error?: string }> } };
  const reasons = [result.error, ...Object.values(result.refs).map(ref => ref.error), said.trim()];
  const why = reasons.filter(reason => reason !== undefined && reason !== '').join('\n');
  return new AppError('git-rejected', `${one.transport.shown} did not take the push to ${one.branch}: ${why}`, {
    cause: error,
    details: { address: one.transport.shown, branch: one.branch },
  });
}

/**
 * Throws `git-race` when the branch moved meanwhile, `git-rejected`, `git-auth`, `git-unreachable`. A push whose answer
 * got lost is looked for at the remote, so that no edit is made twice.
 */
export async function pushCommit(one: Push): Promise<void> {
  try {
    await send(one);
  } catch (error) {
    if (!(error instanceof AppError) || !['git-rejected', 'git-unreachable'].includes(error.code)) throw error;
    const head = await headOr(one, error);
    if (head === one.expected) throw error;
    if (head === one.commit || (await contains(one))) return;
    throw raced(one);
  }
}

async function headOr(one: Push, failure: AppError): Promise<string> {
  try {
    return await one.remoteHead();
  } catch {
    // What made the push fail says more than that it cannot be asked about either.
    throw failure;
  }
}

async function contains(one: Push): Promise<boolean> {
  return await one.clone.history.isAncestor(one.commit, await one.fetch());
}
