// Hints that come by webhooks: whether they are about what this controller follows, and what becomes of them.
import type { Forge, HookAnswer, HookHint, WebhookCounts } from '../../schema/webhooks.js';
import { mayBeRepository } from '../core/same-repository.js';
import type { GitRepo, Ports } from '../ports.js';
import { openDeliveries } from './deliveries.js';

export interface Hints {
  /** Answers at once; what it wakes goes on by itself. */
  take(hint: HookHint): HookAnswer;
  /** Whose signature did not fit, or what could not be read; `why` is one of ours, and nothing that the sender wrote. */
  refuse(forge: Forge, why: string): HookAnswer;
  counts(): WebhookCounts;
  stop(): void;
}

export interface HintParts {
  readonly ports: Pick<Ports, 'store' | 'clock' | 'newId'>;
  readonly git: Pick<GitRepo, 'address' | 'branch'>;
  /** Looks whether the branch moved; false: a look that is due will see it. */
  readonly look: () => boolean;
  /** Absent: pull requests are not looked at. */
  readonly onPullRequest?: ((hint: HookHint) => void) | undefined;
  /** Told of a delivery that is not a repetition. */
  readonly onDelivery: () => void;
}

const ignored = (why: string): HookAnswer => ({ verdict: 'ignored', why });

/** Undefined: it is about the repository and branch that are followed. */
function elsewhere({ git }: HintParts, { kind, repositories, branches }: HookHint): string | undefined {
  if (repositories.length > 0 && !mayBeRepository(git.address, repositories))
    return `it is about ${repositories[0] ?? ''}, and this controller follows ${git.address}`;
  if (branches.length === 0 || branches.includes(git.branch)) return undefined;
  const what = kind === 'push' ? 'it is about' : 'it is for';
  return `${what} the branch ${branches.join(', ')}, and this controller follows ${git.branch}`;
}

function answer(parts: HintParts, hint: HookHint): HookAnswer {
  const { git, look, onPullRequest } = parts;
  if (hint.kind === 'other') return ignored('nothing is done about events of this kind');
  const why = elsewhere(parts, hint);
  if (why !== undefined) return ignored(why);
  if (hint.kind === 'ping') return ignored(`it arrived; this controller follows ${git.address} (${git.branch})`);
  if (hint.kind === 'push')
    return look()
      ? { verdict: 'woken', why: `${git.branch} is looked at now` }
      : { verdict: 'folded', why: `${git.branch} is looked at within seconds, for all that came meanwhile` };
  if (onPullRequest === undefined) return ignored('this controller does not look at pull requests');
  onPullRequest(hint);
  return { verdict: 'handed-on', why: 'the pull request is looked at' };
}

export function openHints(parts: HintParts): Hints {
  const book = openDeliveries(parts.ports, parts.onDelivery);
  return {
    take: hint => {
      const given = answer(parts, hint);
      const { forge, kind, repositories, branches, number } = hint;
      const branch = branches.find(one => one === parts.git.branch) ?? branches[0];
      book.note({
        ...given,
        forge,
        kind,
        ...(repositories[0] === undefined ? {} : { repository: repositories[0] }),
        ...(branch === undefined ? {} : { branch }),
        ...(number === undefined ? {} : { number }),
      });
      return given;
    },
    refuse: (forge, why) => {
      const given = { verdict: 'refused', why } as const;
      book.note({ ...given, forge });
      return given;
    },
    counts: () => book.counts(),
    stop: () => book.stop(),
  };
}
