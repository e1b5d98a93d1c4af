// Brings an edit as a pull request, where policy wants that: a branch of its own, then the pull request on the forge.
import { createHash } from 'node:crypto';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Forge, OpenedPull } from '../../schema/forge.js';
import type { GitRepo, Ports, StateDir } from '../ports.js';
import { readRegistry } from './sync.js';

/** How what we write is to reach the branch: by the registry at its head. */
export async function writeWay(ports: Ports): Promise<'push' | 'pull-request' | 'never'> {
  const { git, workTree } = ports.source;
  // A person's own work tree is the person's.
  if (git === undefined || workTree !== undefined) return 'push';
  const { registry } = await readRegistry(ports, await git.files(await git.fetch()));
  return registry?.policy.write ?? 'push';
}

/** Something that was proposed, and what became of it. */
export interface Proposal {
  readonly branch: string;
  readonly commit: string;
  /** Absent: the branch is there, and the forge could not be told. */
  readonly pull?: OpenedPull;
}

type Note = Readonly<Record<string, Proposal>>;

/** Kept in the state folder; lost, what still waits to be merged is proposed once more. */
const document = 'proposals';
const mostNoted = 100;

export async function proposedBefore(state: StateDir, once: string | undefined): Promise<Proposal | undefined> {
  return once === undefined ? undefined : ((await state.read<Note>(document)) ?? {})[once];
}

async function note(state: StateDir, once: string | undefined, proposal: Proposal): Promise<void> {
  if (once === undefined) return;
  await state.change<Note>(document, before => {
    const { [once]: _, ...others } = before ?? {};
    const kept = Object.entries(others).slice(-(mostNoted - 1));
    return { ...Object.fromEntries(kept), [once]: proposal };
  });
}

/** Throws `forge-none` before anything is pushed that nobody could open a pull request for. */
export function forgeOf({ forge, source }: Ports): Forge {
  if (forge !== undefined) return forge;
  const where = source.git?.address ?? source.path;
  throw new AppError('forge-none', `policy.write is pull-request, and no token for the forge of ${where} was given`);
}

/** `once`: what is proposed under this name once only has a branch by it; else each has its own. */
export function branchName(kind: string, id: string, once: string | undefined): string {
  const tail = createHash('sha256')
    .update(once ?? id)
    .digest('hex')
    .slice(0, 10);
  return `portoser/${kind.replaceAll('.', '-')}-${tail}`;
}

export interface Opening {
  readonly proposal: Proposal;
  readonly subject: string;
  readonly kind: string;
  readonly once?: string | undefined;
}

const bodyOf = ({ kind, proposal }: Opening): string =>
  `Portoser proposes this (\`${kind}\`, commit \`${proposal.commit.slice(0, 12)}\`), because \`policy.write\` is \`pull-request\`. ` +
  'Nothing is changed before it is merged.';

/** Noted before the forge is asked: killed or refused in between, the branch is known and only the rest is done again. */
export async function openProposal(ports: Ports, git: GitRepo, opening: Opening): Promise<OpenedPull> {
  const { proposal, subject, once } = opening;
  const { branch } = proposal;
  await note(ports.state, once, proposal);
  try {
    const wish = { branch, base: git.branch, title: subject, body: bodyOf(opening) };
    const pull = await forgeOf(ports).openPull(wish);
    await note(ports.state, once, { ...proposal, pull });
    return pull;
  } catch (thrown) {
    const error = asAppError(thrown);
    throw new AppError(error.code, `the branch ${branch} is pushed, but has no pull request: ${error.message}`, {
      cause: thrown,
      hint: `Open one for ${branch} by hand, or do it again. ${error.hint}`,
      details: error.details,
    });
  }
}
