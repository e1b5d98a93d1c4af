// Returns a service to what an earlier deployment left: by a commit, and then by an ordinary pass.
import { AppError } from '../../schema/errors.js';
import type { Deployment } from '../../schema/history.js';
import type { PassReport } from '../../schema/status.js';
import { becameIll, before, sameRevision, unusable } from '../core/rollback.js';
import { type Edited, editRegistry } from '../loop/edit.js';
import { runPass } from '../loop/pass.js';
import { recorded } from '../loop/record.js';
import { considerRollback, type Restoration, restoreEntry, restoreFiles } from '../loop/rollback.js';
import { type Revision, revisionOf } from '../loop/rollback-revision.js';
import type { GitRepo, RepoFiles } from '../ports.js';
import type { Context, Operation } from './operation.js';
import { runningController } from './parts/controller.js';
import { object, text } from './parts/shape.js';

const input = object(
  {
    id: text('Id of the deployment, or its beginning'),
    accept: text('Id of the deployment that was shown and is returned to'),
  },
  ['id'],
);

export interface Rollback extends Omit<Restoration, 'now'> {
  /** The deployment that is returned to. */
  readonly to: Deployment;
  /** Why not to the one that was named, one line for each that was passed over. */
  readonly instead: readonly string[];
  /** Absent: nothing was changed, nobody has accepted it yet. */
  readonly edited?: Edited;
  /** The pass of this command. */
  readonly report?: PassReport;
  /** The controller of this state folder, by its process id, makes the pass. */
  readonly controller?: number;
}

const mostDeployments = 1000;
const short = (id: string): string => id.slice(0, 12);

function gitOf({ ports }: Context): GitRepo {
  const { git, path } = ports.source;
  if (git !== undefined) return git;
  throw new AppError('git-missing', `${path} lies outside any repository: there is nothing to return to`);
}

interface Proposal {
  readonly revision: Revision;
  readonly restoration: Restoration;
}

/** As git says already: by the same words and files, or because nothing would change. */
function isNow({ revision, restoration }: Proposal, newest: Deployment | undefined): boolean {
  const { files, sources, now } = restoration;
  if (files.length === 0 && sources.length === 0) return true;
  const { images } = revision.deployment;
  const ran = newest?.images;
  const here = { ...(now && { fingerprint: now.fingerprint }), ...(ran && { images: ran }) };
  return sameRevision({ fingerprint: revision.placement.fingerprint, ...(images && { images }) }, here);
}

interface Search {
  readonly context: Context;
  readonly git: GitRepo;
  readonly head: { readonly commit: string; readonly files: RepoFiles };
  /** Of the placement, newest first. */
  readonly all: readonly Deployment[];
}

/** What it would be to go to one deployment, or why that is not gone to. */
async function propose({ context, git, head, all }: Search, one: Deployment): Promise<Proposal | string> {
  const { ports, lists } = context;
  const why = unusable(one) ?? (becameIll(one, all) ? 'became ill later' : undefined);
  if (why !== undefined) return why;
  const revision = await revisionOf(ports, lists, git, one);
  if (typeof revision === 'string') return `cannot be returned to: ${revision}`;
  const restoration = await considerRollback(ports, lists, revision, head);
  const newest = all.find(other => unusable(other) === undefined);
  return isNow({ revision, restoration }, newest) ? 'is what git says now' : { revision, restoration };
}

async function search(context: Context, asked: Deployment): Promise<Search> {
  const git = gitOf(context);
  const all = await context.ports.store.deployments({ service: asked.key, limit: mostDeployments });
  const commit = await git.fetch();
  return { context, git, all, head: { commit, files: await git.files(commit) } };
}

async function choose(
  context: Context,
  asked: Deployment,
): Promise<Proposal & { readonly instead: readonly string[] }> {
  const searched = await search(context, asked);
  const instead: string[] = [];
  const refused: Deployment[] = [];
  for (const one of [asked, ...before(asked, searched.all)]) {
    const usable = unusable(one) === undefined;
    if (usable && refused.some(other => sameRevision(one, other))) continue;
    const proposal = await propose(searched, one);
    if (typeof proposal !== 'string') return { ...proposal, instead };
    // That others before it failed too is nothing that one has to know.
    if (one === asked || usable) instead.push(`${short(one.id)} ${proposal}`);
    if (usable) refused.push(one);
  }
  throw new AppError('rollback-nothing', `nothing before it was healthy and is another: ${instead.join('; ')}`);
}

async function commit(context: Context, { revision }: Proposal): Promise<Edited> {
  const { ports } = context;
  const { id, service, commit: of = '' } = revision.deployment;
  return await editRegistry(ports, {
    kind: 'rollback',
    subject: `Return ${service} to deployment ${short(id)} (commit ${short(of)})`,
    change: registry => restoreEntry(revision, registry),
    files: files => restoreFiles(ports, revision, files),
  });
}

/** Brings what was committed, when no controller here does. */
async function bring(context: Context, to: Deployment): Promise<Pick<Rollback, 'report' | 'controller'>> {
  const controller = await runningController(context.ports);
  if (controller !== undefined) return { controller: controller.pid };
  const trigger = `rollback by ${context.actor.name}`;
  return { report: await runPass(recorded(context), { trigger, from: 'commit', only: [to.service], again: true }) };
}

export const historyRollback: Operation<typeof input, Rollback> = {
  name: 'history.rollback',
  summary: 'Return a service to what an earlier deployment left',
  effect: 'changes',
  changed: ({ edited }) => edited !== undefined,
  role: 'operator',
  input,
  run: async (context, { id, accept }) => {
    const { deployment } = await context.ports.store.deployment(accept ?? id);
    const chosen = await choose(context, deployment);
    const { now: _, ...shown } = chosen.restoration;
    const to = chosen.revision.deployment;
    const rollback = { to, instead: chosen.instead, ...shown };
    if (accept === undefined) return rollback;
    if (to.id !== accept)
      throw new AppError(
        'stale-plan',
        `${short(accept)} ${chosen.instead[0]?.slice(13) ?? 'is not gone to'} meanwhile`,
      );
    const edited = await commit(context, chosen);
    // Proposed: there is nothing to bring before it is merged.
    if (edited.pull !== undefined) return { ...rollback, edited };
    return { ...rollback, edited, ...(await bring(context, to)) };
  },
};
