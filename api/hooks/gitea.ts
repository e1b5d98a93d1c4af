// Webhooks of Gitea: https://docs.gitea.com/usage/webhooks
import { type ForgeHook, header } from './forge.js';
import { readGithub } from './github.js';
import { hexFits } from './signature.js';

export const gitea: ForgeHook = {
  forge: 'gitea',
  event: 'x-gitea-event',
  signedIn: ['X-Gitea-Signature'],
  fits: (headers, body, secrets) => {
    const written = header(headers, 'x-gitea-signature');
    // Without a secret it sends the header, empty.
    return written === undefined || written === '' ? undefined : hexFits(written, body, secrets);
  },
  read: (headers, payload) => readGithub(header(headers, 'x-gitea-event'), payload),
};
