// Webhooks of GitLab: the secret itself, or (signing tokens, 2026) an HMAC. https://docs.gitlab.com/user/project/integrations/webhooks/
import { type ForgeHook, header, standardOf } from './forge.js';
import { at, branchOf, numberAt, type Payload, repositoryNames, textAt } from './payload.js';
import { standardFits, tokenFits } from './signature.js';

function read(payload: Payload): ReturnType<ForgeHook['read']> {
  const repositories = repositoryNames(at(payload, 'project'));
  // System hooks have another header, and the same members.
  switch (textAt(payload, 'object_kind') ?? textAt(payload, 'event_name')) {
    case 'push':
      return { kind: 'push', repositories, branches: branchOf(textAt(payload, 'ref')) };
    case 'merge_request': {
      const target = repositoryNames(at(payload, 'object_attributes', 'target'));
      const base = textAt(payload, 'object_attributes', 'target_branch');
      return {
        kind: 'pull-request',
        repositories: [...new Set([...target, ...repositories])],
        branches: base === undefined ? [] : [base],
        ...numberAt(payload, 'object_attributes', 'iid'),
      };
    }
    default:
      return { kind: 'other', repositories, branches: [] };
  }
}

export const gitlab: ForgeHook = {
  forge: 'gitlab',
  event: 'x-gitlab-event',
  signedIn: ['webhook-signature', 'X-Gitlab-Token'],
  fits: (headers, body, secrets) => {
    const signed = standardOf(headers);
    // What is signed is not saved by a token beside it, which anybody on the way could read.
    if (signed !== undefined) return standardFits(signed, body, secrets);
    const token = header(headers, 'x-gitlab-token');
    return token === undefined ? undefined : tokenFits(token, secrets);
  },
  read: (_, payload) => read(payload),
};
