// The texts of the registry's files: the main one and what it includes.
import { AppError } from '../../schema/errors.js';
import { includePatterns, matchIncludes } from '../core/includes.js';
import type { RepoFiles } from '../ports.js';

export interface RegistryTexts {
  /** Text by repository path; the main file first. */
  readonly texts: ReadonlyMap<string, string>;
  /** All plain files of the repository. */
  readonly paths: readonly string[];
}

/** Throws `registry-missing` without a main file. */
export async function registryTexts(files: RepoFiles, main: string): Promise<RegistryTexts> {
  const bytes = await files.read(main);
  if (bytes === undefined) throw new AppError('registry-missing', `there is no ${main} here`);
  const texts = new Map([[main, Buffer.from(bytes).toString('utf8')]]);
  const paths = ((await files.list('')) ?? []).flatMap(entry => (entry.kind === 'file' ? [entry.path] : []));
  for (const path of matchIncludes(includePatterns(texts.get(main) ?? ''), paths)) {
    const included = await files.read(path);
    if (included !== undefined) texts.set(path, Buffer.from(included).toString('utf8'));
  }
  return { texts, paths };
}
