// The passphrase of a backup, from the file that the line names.
import { readFile } from 'node:fs/promises';
import { AppError } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';

export const passphraseOptions = {
  'passphrase-file': { type: 'string', value: 'file', summary: 'holds the passphrase (or PORTOSER_BACKUP_PASSPHRASE)' },
} as const;

/** Without the end of its line. Throws `usage` for a file that cannot be read or is empty. */
export async function readPassphrase(path: string | undefined): Promise<{ readonly passphrase?: string }> {
  if (path === undefined) return {};
  try {
    const passphrase = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
    if (passphrase !== '') return { passphrase };
  } catch (cause) {
    throw new AppError('usage', `${path} cannot be read: ${systemWords(cause) ?? 'unknown reason'}`, {
      cause,
      hint: 'Name the file that holds the passphrase.',
    });
  }
  throw new AppError('usage', `${path} is empty`, { hint: 'Name the file that holds the passphrase.' });
}
