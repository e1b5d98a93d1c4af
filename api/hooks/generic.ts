// Webhooks of anything else: a signed body that may name repository and branch, or nothing at all.
import { type ForgeHook, header, standardOf } from './forge.js';
import { at, branchOf, repositoryNames, textAt } from './payload.js';
import { hexFits, standardFits } from './signature.js';

export const generic: ForgeHook = {
  forge: 'generic',
  signedIn: ['webhook-signature', 'X-Hub-Signature-256'],
  fits: (headers, body, secrets) => {
    const signed = standardOf(headers);
    if (signed !== undefined) return standardFits(signed, body, secrets);
    const written = header(headers, 'x-hub-signature-256');
    return written === undefined ? undefined : hexFits(written, body, secrets, 'sha256=');
  },
  read: (_, payload) => {
    const named = textAt(payload, 'repository');
    const branch = textAt(payload, 'branch');
    return {
      kind: 'push',
      repositories: named === undefined ? repositoryNames(at(payload, 'repository')) : [named],
      branches: branch === undefined ? branchOf(textAt(payload, 'ref')) : [branch],
    };
  },
};
