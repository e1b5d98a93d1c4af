// Reveals what destinations refer to: variables of the controller's environment, and files that its keeper put in one folder.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { systemWords } from '../../schema/file-refusal.js';

const longestBytes = 65_536;

const missing = (what: string, hint?: string): AppError =>
  new AppError('notify-secret', what, hint === undefined ? {} : { hint });

/** Certificates alone are no secret. */
const isPublic = (text: string): boolean => text.startsWith('-----BEGIN CERTIFICATE') && !text.includes('PRIVATE KEY');

async function readSecret(path: string, mine: boolean): Promise<string> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw missing(`${path} cannot be read: ${systemWords(error) ?? error.message}`);
  });
  try {
    const { mode, size } = await file.stat();
    if (size > longestBytes) throw missing(`${path} is longer than 64 KiB`);
    const text = await file.readFile('utf8');
    if (mine && (mode & 0o077) !== 0 && !isPublic(text))
      throw missing(`others can read ${path}`, `Run \`chmod 600 ${path}\`.`);
    return text;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw missing(`${path} cannot be read: ${systemWords(error) ?? (error as Error).message}`);
  } finally {
    await file.close();
  }
}

async function written(reference: string, env: Readonly<Record<string, string | undefined>>, folder: string) {
  const [, kind, name = ''] = /^(env|file):(.*)$/s.exec(reference) ?? [];
  if (kind === 'file') return await readSecret(join(folder, name), true);
  const [value, file] = [env[name], env[`${name}_FILE`]];
  if (value && file) throw missing(`${name} and ${name}_FILE are both set`, 'Unset one of the two.');
  if (file) return await readSecret(file, false);
  if (!value) throw missing(`${name} is not set`);
  return value;
}

/** Throws `notify-secret`, which names the place and never the value. */
export async function revealIn(
  reference: string,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<string> {
  const value = (await written(reference, env, folder)).trim();
  if (value === '') throw missing(`${reference} is empty`);
  return value;
}
