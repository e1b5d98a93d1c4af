// What may go wrong with a forge. Machines are kept all the same: only reviews wait.
import { type CatalogueEntry, entry } from './catalogue.js';

export const forgeErrors = {
  'forge-unreachable': entry(
    'The forge cannot be reached',
    'backoff',
    502,
    'Check its address (--forge-url) and the network; what is to be said there is said when it is back.',
  ),
  'forge-limit': entry(
    'The forge wants fewer questions',
    'backoff',
    503,
    'It is asked again when its limit allows; a token of its own for Portoser has a limit of its own.',
  ),
  'forge-refused': entry(
    'The forge refused what was asked',
    'human',
    502,
    'Check that PORTOSER_FORGE_TOKEN may read and comment pull requests, set statuses and read its own user.',
  ),
  'forge-none': entry(
    'There is no forge to open a pull request on',
    'human',
    409,
    'Set PORTOSER_FORGE_TOKEN (and --forge where the address does not tell which it is), or let policy.write be push.',
  ),
} as const satisfies Record<string, CatalogueEntry>;
