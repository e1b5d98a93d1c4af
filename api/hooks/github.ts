// Webhooks of GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
import { type ForgeHook, header } from './forge.js';
import { at, branchOf, numberAt, type Payload, repositoryNames, textAt } from './payload.js';
import { hexFits } from './signature.js';

/** Gitea and Forgejo speak it, too. */
export function readGithub(event: string | undefined, payload: Payload): ReturnType<ForgeHook['read']> {
  const repositories = repositoryNames(at(payload, 'repository'));
  if (event === 'ping') return { kind: 'ping', repositories, branches: [] };
  if (event === 'push') {
    const branches = branchOf(textAt(payload, 'ref'));
    return { kind: branches.length === 0 ? 'other' : 'push', repositories, branches };
  }
  if (event !== 'pull_request') return { kind: 'other', repositories, branches: [] };
  const base = textAt(payload, 'pull_request', 'base', 'ref');
  return {
    kind: 'pull-request',
    repositories,
    branches: base === undefined ? [] : [base],
    ...numberAt(payload, 'pull_request', 'number'),
  };
}

export const github: ForgeHook = {
  forge: 'github',
  event: 'x-github-event',
  signedIn: ['X-Hub-Signature-256'],
  fits: (headers, body, secrets) => {
    const written = header(headers, 'x-hub-signature-256');
    return written === undefined ? undefined : hexFits(written, body, secrets, 'sha256=');
  },
  read: (headers, payload) => readGithub(header(headers, 'x-github-event'), payload),
};
