// Webhooks of Forgejo: those of Gitea, also under its own name. https://forgejo.org/docs/latest/user/webhooks
import { type ForgeHook, header } from './forge.js';
import { readGithub } from './github.js';
import { hexFits } from './signature.js';

export const forgejo: ForgeHook = {
  forge: 'forgejo',
  event: 'x-forgejo-event',
  signedIn: ['X-Forgejo-Signature', 'X-Gitea-Signature'],
  fits: (headers, body, secrets) => {
    // Where its own is there, the other one does not save it.
    const written = header(headers, 'x-forgejo-signature') ?? header(headers, 'x-gitea-signature');
    return written === undefined || written === '' ? undefined : hexFits(written, body, secrets);
  },
  read: (headers, payload) => readGithub(header(headers, 'x-forgejo-event'), payload),
};
