// Whether a branch was rewritten past what runs, where the note of the applied commit is lost: the machines' stamps still tell.
import type { DesiredState, LiveState } from '../../schema/state.js';
import { identityOf } from '../core/machines.js';
import type { GitRepo, Ports } from '../ports.js';
import { readApplied } from './applied.js';
import type { Synced } from './sync.js';

const isCommit = (text: string): boolean => /^[0-9a-f]{40,64}$/.test(text);

export const contains = async (git: GitRepo, head: string, commit: string): Promise<boolean> =>
  (await git.has(commit)) && (await git.isAncestor(commit, head));

/** Commits that something of ours was applied from, on the machines that answer. */
function commitsOf(desired: DesiredState, live: LiveState): readonly string[] {
  const commits = Object.values(live.machines).flatMap(view =>
    view.state === 'reachable' && view.identity === identityOf(desired) ? view.stamps.map(stamp => stamp.commit) : [],
  );
  return [...new Set(commits)].filter(isCommit);
}

/** Why nothing is applied until a person accepts the head; undefined: it contains all that runs, or it may be followed. */
export async function rewrittenPast(
  ports: Ports,
  synced: Synced,
  desired: DesiredState,
  live: LiveState,
): Promise<string | undefined> {
  const { git } = ports.source;
  const head = synced.commit;
  if (git === undefined || !isCommit(head) || desired.policy.forcePush === 'follow') return undefined;
  const { appliedCommit, acceptedCommit } = await readApplied(ports.state);
  if (appliedCommit !== undefined) return undefined;
  if (acceptedCommit !== undefined && (await contains(git, head, acceptedCommit))) return undefined;
  for (const commit of commitsOf(desired, live)) {
    if (await contains(git, head, commit)) continue;
    return `the branch ${git.branch} does not contain ${commit.slice(0, 12)}, which runs there; accept it with \`portoser git accept ${head.slice(0, 12)}\``;
  }
  return undefined;
}
