// Plans one pull request without touching anything: its head is only read, the machines are those of the base, as the base reaches them.
import { asAppError, catalogue } from '../../schema/errors.js';
import type { CommitStatus, PullRequest } from '../../schema/forge.js';
import { AppError } from '../../schema/errors.js';
import { firstOf } from '../../schema/excerpt.js';
import type { Change, Plan } from '../../schema/plan.js';
import { createRedactor, type Redactor } from '../../schema/redact.js';
import type { ParseResult } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { optional } from '../core/optional.js';
import { review } from '../core/review.js';
import { heading, noPlanText, refusedText, reviewSummary, reviewText } from '../core/review-words.js';
import type { Lists } from '../operations/operation.js';
import type { GitRepo, Ports } from '../ports.js';
import { approachFleet } from './approach.js';
import { desire } from './desired.js';
import { type Considered, consider } from './preview.js';
import { sessionOf } from './session.js';
import { readRegistry, sync, type Synced } from './sync.js';

/** The base as it is now: its commit, and one look at its machines that serves all pull requests of a round. */
export interface Base {
  readonly git: GitRepo;
  readonly synced: Synced;
  readonly considered: Considered;
  /** As git wants it, whatever failed before. */
  readonly newest: DesiredState;
}

/** What is told of a pull request. */
export interface Told {
  readonly text: string;
  readonly status: CommitStatus;
}

/** Throws what reading the repository throws, and `registry-invalid` where the base has no registry to go by. */
export async function lookAtBase(ports: Ports, lists: Lists): Promise<Base> {
  const { git } = ports.source;
  if (git === undefined) throw new AppError('git-missing', 'there is no repository here');
  const [synced] = await Promise.all([sync(ports, { from: 'commit' }), approachFleet(ports)]);
  const newest = await desire(ports, lists, synced);
  return { git, synced, newest, considered: await consider(ports, lists, synced, { from: 'commit' }) };
}

/** The head's commit is here. Its ref may be ahead of what the forge tells, and the forge of its ref. */
async function bring(git: GitRepo, pull: PullRequest): Promise<void> {
  if (await git.has(pull.head)) return;
  await git.fetchRef(pull.ref);
  if (await git.has(pull.head)) return;
  throw new AppError('git-unreachable', `${pull.ref} does not have ${pull.head.slice(0, 12)} yet`);
}

const isCommit = (text: string): boolean => /^[0-9a-f]{40,64}$/.test(text);

/**
 * The ports for one head, whoever wrote it: what they learn of it ends with them. What its destinations refer to is not
 * looked up, and what it calls secret is secret nowhere else.
 */
function portsFor(ports: Ports): Ports {
  const { post: _, ...rest } = ports;
  const own: Ports = { ...rest, redactor: createRedactor() };
  for (const [oid, hash] of sessionOf(ports).hashes) sessionOf(own).hashes.set(oid, hash);
  return own;
}

/** Where the head branched off, as git wanted it there; the base itself where nobody can tell. */
async function wantedSince(ports: Ports, lists: Lists, base: Base, head: string): Promise<DesiredState> {
  const { git, synced, newest } = base;
  if (!isCommit(synced.commit) || (await git.isAncestor(synced.commit, head))) return newest;
  const fork = await git.mergeBase(synced.commit, head);
  if (fork === undefined) return newest;
  const files = await git.files(fork);
  const { registry } = await readRegistry(ports, files);
  if (registry === undefined || registry.cluster !== newest.cluster) return newest;
  return await desire(ports, lists, { commit: fork, files, registry, diagnostics: [] }, newest.rootCommit);
}

const status = (state: CommitStatus['state'], text: string): CommitStatus => ({
  context: 'portoser/plan',
  state,
  description: firstOf(text, 139),
});

const renamed =
  '\nIt gives the cluster another name: everything is looked at anew after the merge, and nothing can be said before.';

async function planOf(ports: Ports, lists: Lists, base: Base, pull: PullRequest): Promise<Told> {
  const { git, newest, considered } = base;
  await bring(git, pull);
  const files = await git.files(pull.head);
  const { registry, diagnostics }: ParseResult = await readRegistry(ports, files);
  if (registry === undefined) {
    const errors = diagnostics.filter(one => one.severity === 'error').length;
    return {
      text: refusedText(ports.redactor.value(diagnostics)),
      status: status('failure', `the registry is not valid: ${errors} ${errors === 1 ? 'error' : 'errors'}`),
    };
  }
  if (registry.cluster !== newest.cluster)
    return { text: renamed, status: status('success', 'the cluster is renamed: all of it is seen after the merge') };
  const head = await desire(ports, lists, { commit: pull.head, files, registry, diagnostics }, newest.rootCommit);
  const found = review({
    base: considered.desired,
    since: await wantedSince(ports, lists, base, pull.head),
    newest,
    head,
    live: considered.live,
    basePlan: considered.plan,
    leaving: considered.leaving.map(one => one.name),
    drivers: lists.drivers,
  });
  const plan = withoutSecrets(found.plan, ports.redactor);
  return { text: reviewText({ ...found, plan }, git.branch), status: status('success', reviewSummary(found)) };
}

/** In the values alone: who could mask names would hide from its readers what the pull request changes. */
function withoutSecrets(plan: Plan, redactor: Redactor): Plan {
  const masked = (one: Change): Change => ({
    ...one,
    fields: one.fields.map(({ field, from, to }) => ({
      field,
      ...optional('from', from && redactor.text(from)),
      ...optional('to', to && redactor.text(to)),
    })),
  });
  const waiting = plan.waiting?.map(part => ({ ...part, changes: part.changes.map(masked) }));
  return { ...plan, waves: plan.waves.map(wave => wave.map(masked)), ...optional('waiting', waiting) };
}

/** What is wrong with the head itself is told there; what time may put right is thrown. */
function toldOf(error: AppError): Told {
  if (error.retry === 'backoff' || error.code === 'internal') throw error;
  const { title } = catalogue[error.code];
  return { text: noPlanText(error), status: status('error', `no plan: ${title}`) };
}

/** Throws `git-unreachable` and the like: the next round tries again. */
export async function planPull(ports: Ports, lists: Lists, base: Base, pull: PullRequest): Promise<Told> {
  const told = await planOf(portsFor(ports), lists, base, pull).catch((thrown: unknown) => toldOf(asAppError(thrown)));
  const top = heading(pull.head, base.git.branch, base.synced.commit);
  return { ...told, text: `${top}\n${told.text}` };
}
