// Makes a folder with those above it.
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../schema/errors.js';

/** Machines keep their own state folders below this one, and the SSH user must get through to them. */
const sharedFolder = '/var/lib/portoser';

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Links are followed. */
const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    one => one.isDirectory(),
    () => false,
  );

/** Answers whether it was not there before. */
async function make(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await isFolder(folder))) return false;
    throw error;
  }
}

/**
 * Only its owner gets into what is made here. Step by step: the recursive way of Node 20 never ends where a folder is there
 * and the system says of each new one in it that there is none, as in /proc. Throws `state-dir-unusable` there, and
 * elsewhere what the system says.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    if ((await make(folder)) && folder === sharedFolder) await chmod(folder, 0o711);
  } catch (error) {
    const above = dirname(folder);
    if (codeOf(error) !== 'ENOENT' || above === folder) throw error;
    await makeFolderAbove(above, error);
    await makeFolder(folder);
  }
}

async function makeFolderAbove(above: string, cause: unknown): Promise<void> {
  if (await isFolder(above)) throw new AppError('state-dir-unusable', `no folder can be made in ${above}`, { cause });
  await makeFolder(above);
}
