// What came by a webhook: the API has seen that its signature fits, or why it does not. Only a hint where to look.
import { AppError } from '../../schema/errors.js';
import { forges, type HookAnswer, hintKinds } from '../../schema/webhooks.js';
import { auditDone, deedOf } from '../loop/audited.js';
import { sessionOf } from '../loop/session.js';
import type { Operation } from './operation.js';
import { choice, count, object, text, texts } from './parts/shape.js';

const input = object(
  {
    forge: choice(forges, 'Whose form it has'),
    kind: choice(hintKinds, 'What it tells of'),
    repositories: texts('Addresses and names that it gives for its repository'),
    branches: texts('Branches that moved, or that a pull request shall go into'),
    number: count('Of a pull request'),
    refused: text('Why it is no hint at all'),
  },
  ['forge'],
);

export const hook: Operation<typeof input, HookAnswer> = {
  name: 'hook',
  summary: 'Look where a webhook points',
  effect: 'changes',
  role: 'operator',
  // Most of what comes is a repetition, or about something else; what is refused is told by who refused it.
  audits: 'itself',
  input,
  run: async ({ ports, actor }, { forge, refused, kind = 'other', repositories = [], branches = [], number }) => {
    const { hints } = sessionOf(ports);
    if (hints === undefined) throw new AppError('webhook-away', 'no controller takes webhooks now');
    if (refused !== undefined) return hints.refuse(forge, refused);
    const hint = { forge, kind, repositories, branches, ...(number === undefined ? {} : { number }) };
    const answer = hints.take(hint);
    if (answer.verdict === 'woken' || answer.verdict === 'handed-on')
      await auditDone(ports, deedOf('hook', hint, actor), answer);
    return answer;
  },
};
