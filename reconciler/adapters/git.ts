// Opens a repository by its address.
import { AppError } from '../../schema/errors.js';
import type { GitRepo } from '../ports.js';
import { parseAddress } from './git-address.js';
import { openLocalRepo } from './git-local.js';
import type { GitSettings } from './git-settings.js';

export type { GitCredentials, GitSettings } from './git-settings.js';

/**
 * Throws `settings-invalid` (address), `git-missing` (no repository or branch), `git-unsupported`, `git-auth`,
 * `git-unreachable`. A remote that was cloned before is opened also while it cannot be reached.
 */
export async function openGitRepo(settings: GitSettings): Promise<GitRepo> {
  const address = parseAddress(settings.address);
  if (address.kind === 'local') return await openLocalRepo(address.path, settings);
  throw new AppError('not-supported', `${address.shown} cannot be read yet`);
}
