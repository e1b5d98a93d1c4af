// Opens a repository by its address.
import type { GitRepo } from '../ports.js';
import { type GitAddress, parseAddress } from './git-address.js';
import { openLocalRepo } from './git-local.js';
import type { GitSettings } from './git-settings.js';
import type { GitTransport } from './git-transport.js';

export type { GitSettings } from './git-settings.js';

/**
 * Throws `settings-invalid` (address), `git-missing` (no repository or branch), `git-unsupported`, `git-auth`,
 * `git-unreachable`. A remote that was cloned before is opened also while it cannot be reached.
 */
export async function openGitRepo(settings: GitSettings): Promise<GitRepo> {
  const address = parseAddress(settings.address);
  if (address.kind === 'local') return await openLocalRepo(address.path, settings);
  // Loaded only when needed: a local repository takes neither undici nor ssh2.
  const [transport, { openRemoteRepo }] = await Promise.all([
    openTransport(address, settings),
    import('./git-remote.js'),
  ]);
  try {
    return await openRemoteRepo(transport, settings);
  } catch (error) {
    await transport.close();
    throw error;
  }
}

async function openTransport(
  address: Exclude<GitAddress, { kind: 'local' }>,
  settings: GitSettings,
): Promise<GitTransport> {
  if (address.kind === 'http')
    return await (await import('./git-http.js')).openHttpTransport(address, settings.credentials);
  return (await import('./git-ssh.js')).openSshTransport(address, settings.credentials);
}
