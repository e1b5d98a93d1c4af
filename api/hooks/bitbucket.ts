// Webhooks of Bitbucket, Cloud and Data Center: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
import { type ForgeHook, header } from './forge.js';
import { at, listAt, numberAt, type Payload, repositoryNames, textAt } from './payload.js';
import { hexFits } from './signature.js';

/** More in one push do not change what is done. */
const mostBranches = 50;

/** Cloud names branches under `new` and `old`, Data Center under `ref`. */
function branchesOf(changes: readonly unknown[]): readonly string[] {
  const names = changes.slice(0, mostBranches).flatMap(change => {
    const cloud = at(change, 'new') ?? at(change, 'old');
    if (textAt(cloud, 'type') === 'branch') return [textAt(cloud, 'name')];
    return textAt(change, 'ref', 'type') === 'BRANCH' ? [textAt(change, 'ref', 'displayId')] : [];
  });
  return [...new Set(names.filter(name => name !== undefined))];
}

function readPush(payload: Payload, changes: readonly unknown[]): ReturnType<ForgeHook['read']> {
  const branches = branchesOf(changes);
  const repositories = repositoryNames(at(payload, 'repository'));
  return { kind: branches.length === 0 ? 'other' : 'push', repositories, branches };
}

/** `pullrequest` and `destination` of Cloud, `pullRequest` and `toRef` of Data Center. */
function readPull(pull: unknown, target: unknown, base: string | undefined): ReturnType<ForgeHook['read']> {
  return {
    kind: 'pull-request',
    repositories: repositoryNames(at(target, 'repository')),
    branches: base === undefined ? [] : [base],
    ...numberAt(pull, 'id'),
  };
}

function read(event: string, payload: Payload): ReturnType<ForgeHook['read']> {
  const other = { kind: 'other', repositories: repositoryNames(at(payload, 'repository')), branches: [] } as const;
  if (event === 'diagnostics:ping') return { ...other, kind: 'ping' };
  if (event === 'repo:push') return readPush(payload, listAt(payload, 'push', 'changes'));
  if (event === 'repo:refs_changed') return readPush(payload, listAt(payload, 'changes'));
  if (/^pullrequest:(created|updated|fulfilled|rejected)$/.test(event)) {
    const [pull, target] = [at(payload, 'pullrequest'), at(payload, 'pullrequest', 'destination')];
    return readPull(pull, target, textAt(target, 'branch', 'name'));
  }
  if (/^pr:(opened|from_ref_updated|to_ref_updated|modified|merged|declined|deleted)$/.test(event)) {
    const [pull, target] = [at(payload, 'pullRequest'), at(payload, 'pullRequest', 'toRef')];
    return readPull(pull, target, textAt(target, 'displayId'));
  }
  return other;
}

export const bitbucket: ForgeHook = {
  forge: 'bitbucket',
  event: 'x-event-key',
  signedIn: ['X-Hub-Signature'],
  fits: (headers, body, secrets) => {
    const written = header(headers, 'x-hub-signature');
    return written === undefined ? undefined : hexFits(written, body, secrets, 'sha256=');
  },
  read: (headers, payload) => read(header(headers, 'x-event-key') ?? '', payload),
};
