// The root commit of a branch, remembered on disk so that a long history is walked once.
import type { Log } from '../ports.js';
import type { GitHistory } from './git-history.js';
import { readMemory, remember } from './git-memory.js';

export async function rememberedRoot(
  folder: string,
  address: string,
  history: GitHistory,
  commit: string,
  log: Log,
): Promise<string> {
  const known = (await readMemory(folder, address)).root;
  const root = await history.rootOf(commit, known);
  if (known?.commit !== commit) {
    try {
      await remember(folder, address, { root: { commit, root } });
    } catch (error) {
      // A state folder that cannot be written costs time only; whoever needs it for more will say so.
      log.debug({ err: error, folder }, 'the root commit could not be remembered');
    }
  }
  return root;
}
