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
