// The person's settings in a backup: their text, put back whole, with what was there kept beside it.
import { randomBytes } from 'node:crypto';
import { copyFile, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onFile } from '../../schema/file-refusal.js';
import { makeFolder } from './make-folder.js';
import { isCode, syncFolder } from './state-dir.js';

/** undefined: there are none. */
export async function readSettings(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function putSettings(path: string, text: string): Promise<void> {
  const now = await readSettings(path);
  if (now === text) return;
  await makeFolder(dirname(path));
  if (now !== undefined) await copyFile(path, `${path}.before-restore`);
  const temporary = join(dirname(path), `.config-${randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** The person's settings of before stay beside it. Throws `file-refused`. */
export const restoreSettings = (path: string, text: string): Promise<void> =>
  onFile(path, 'written', () => putSettings(path, text));
