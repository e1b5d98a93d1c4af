// Notes that a person accepts a branch that was rewritten: its head is followed from now on.
import { AppError } from '../../schema/errors.js';
import { readApplied } from '../loop/applied.js';
import type { Operation } from './operation.js';
import { sayAccepted } from './parts/said.js';
import { object, text } from './parts/shape.js';

const input = object({ commit: text('The head of the branch, at least 7 characters of it') }, ['commit']);

export interface GitAccepted {
  readonly commit: string;
  /** The commit that was applied last from here. */
  readonly before?: string;
  /** Nothing was held for this address: the head contains what was applied, or nothing ever was. */
  readonly needless: boolean;
}

export const gitAccept: Operation<typeof input, GitAccepted> = {
  name: 'git.accept',
  summary: 'Follow a branch that was rewritten',
  effect: 'changes',
  role: 'admin',
  input,
  run: async ({ ports }, { commit }) => {
    const { git } = ports.source;
    if (git === undefined) throw new AppError('git-missing', 'the registry lies outside any repository');
    const head = await git.fetch();
    if (!/^[0-9a-f]{7,40}$/.test(commit) || !head.startsWith(commit)) {
      throw new AppError(
        'unknown-name',
        `\`${commit}\` is not the head of ${git.branch}, which is ${head.slice(0, 12)}`,
        {
          hint: `Look at it, then run \`portoser git accept ${head.slice(0, 12)}\`.`,
        },
      );
    }
    const { appliedCommit } = await readApplied(ports.state);
    const known = appliedCommit !== undefined && (await git.has(appliedCommit));
    const needless = appliedCommit === undefined || (known && (await git.isAncestor(appliedCommit, head)));
    await sayAccepted(ports, head);
    return { commit: head, needless, ...(appliedCommit === undefined ? {} : { before: appliedCommit }) };
  },
};
