// A registry outside any repository as a work tree: its files as they lie there; an edit is written, and there is nothing to commit to.
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { WorkTree } from '../ports.js';
import { writeAllowed } from './git-fs.js';
import { openWorkTree } from './work-tree.js';

/** `commit` answers `work-tree`. Deleting a file is refused: there is no history to bring it back from. */
export async function openPlainFolder(folder: string): Promise<WorkTree> {
  const tree = await openWorkTree(folder);
  return {
    folder,
    files: async () => tree,
    commit: async edit => {
      for (const [path, content] of await edit(tree)) {
        if (content === null)
          throw new AppError('registry-edit', `${path} is not deleted: it lies outside any repository`);
        await writeAllowed(join(folder, path), typeof content === 'string' ? content : content.bytes);
      }
      return 'work-tree';
    },
  };
}
