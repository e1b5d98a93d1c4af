// What the API refuses by itself, before anything is asked of the engine.
import { type CatalogueEntry, entry } from './catalogue.js';

export const apiErrors = {
  'request-invalid': entry(
    'The request was not understood',
    'never',
    400,
    'Compare it with /api/docs, or with /api/openapi.json.',
  ),
  'token-missing': entry(
    'Nobody knows who asks',
    'human',
    401,
    'Send `Authorization: Bearer <token>`; `portoser token create` on the controller makes one.',
  ),
  'role-missing': entry(
    'This token may not do that',
    'human',
    403,
    'Use a token with the role that the message names; `portoser token create --role` makes one.',
  ),
  'origin-refused': entry(
    'The request came from another page or name',
    'human',
    403,
    'Without tokens only this machine itself is answered, under its own names: use http://127.0.0.1 or http://localhost.',
  ),
  'live-limit': entry(
    'More than one may follow at once',
    'human',
    429,
    'Take back what you do not look at, or open another connection.',
  ),
  'listen-refused': entry(
    'The API cannot listen there',
    'human',
    409,
    'Stop what listens there, or name another address with --listen, or `--listen off`.',
  ),
  'server-unreachable': entry(
    'The controller does not answer',
    'backoff',
    502,
    'Check --server, the network and that `portoser run` serves its API there; without --server the command works by itself.',
  ),
  'webhook-off': entry(
    'Webhooks are not set up here',
    'human',
    404,
    'Set PORTOSER_WEBHOOK_SECRET for the controller, and the same secret in the forge. The repository is polled all the same.',
  ),
  'webhook-secret': entry(
    'The webhook secret can be guessed',
    'human',
    400,
    'Make one with `openssl rand -hex 32`; set it in PORTOSER_WEBHOOK_SECRET and in the forge.',
  ),
  'webhook-refused': entry(
    'Nobody knows who sent this webhook',
    'human',
    403,
    'Set the same secret in the forge as in PORTOSER_WEBHOOK_SECRET of the controller.',
  ),
  'webhook-unread': entry(
    'The webhook cannot be read',
    'never',
    400,
    'Send JSON of at most 1 MiB, not compressed. The repository is polled all the same.',
  ),
  'webhook-busy': entry(
    'Too many webhooks at once',
    'backoff',
    429,
    'Nothing is lost: what was pushed is seen by the hooks that were taken, or by the next poll.',
  ),
  'webhook-away': entry(
    'No controller takes webhooks now',
    'backoff',
    503,
    'It is starting or ending; when it is back it looks at the repository by itself.',
  ),
  'too-many-requests': entry(
    'Too many requests',
    'backoff',
    429,
    'Wait as long as Retry-After says; a program of its own gets a token of its own.',
  ),
  'audit-unwritable': entry(
    'The audit log cannot be written',
    'backoff',
    503,
    'Nothing was done, since nobody could tell later who did it: free space in the state folder, or correct its rights.',
  ),
  'route-unknown': entry('There is no such address', 'never', 404, 'See /api/docs for those that there are.'),
} as const satisfies Record<string, CatalogueEntry>;
