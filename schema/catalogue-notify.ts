// What can go wrong when people are told.
import { type CatalogueEntry, entry } from './catalogue.js';

export const notifyErrors = {
  'notify-secret': entry(
    'A secret of a destination cannot be had',
    'human',
    424,
    'Set the variable that the message names (or the same with _FILE) where the controller runs, or put the file there.',
  ),
  'notify-address': entry(
    'The address of a destination is wrong',
    'human',
    422,
    'Correct `url` of the destination in the registry, or the secret that it refers to.',
  ),
  'notify-refused': entry(
    'A destination refused the message',
    'human',
    424,
    'Its answer stands above; correct the destination, then run `portoser notify test`.',
  ),
  'notify-away': entry('A destination cannot be reached', 'backoff', 502, 'It is tried again by itself.'),
} as const satisfies Record<string, CatalogueEntry>;
