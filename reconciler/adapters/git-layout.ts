// Where a repository on this machine keeps its parts (gitrepository-layout(5)), and whether we can read it.
import * as fs from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { gitFs, isAbsent, readTextIfThere, systemCode } from './git-fs.js';
import { getConfig } from './isomorphic-git.js';

export interface GitLayout {
  /** HEAD and index of this work tree. */
  readonly gitDir: string;
  /** Objects and refs, shared by all work trees of the repository. */
  readonly commonDir: string;
  /** undefined: bare. */
  readonly workTree: string | undefined;
}

async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  try {
    const found = await fs.stat(path);
    return found.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (systemCode(error) === 'EACCES')
      throw new AppError('git-unreachable', `${path} may not be read`, { cause: error });
    throw error;
  }
}

async function isGitDir(path: string): Promise<boolean> {
  const kinds = await Promise.all(['HEAD', 'objects', 'refs'].map(name => kindOf(join(path, name))));
  return kinds[0] === 'file' && kinds[1] === 'folder' && kinds[2] === 'folder';
}

async function config(commonDir: string, path: string): Promise<string | undefined> {
  const value: unknown = await getConfig({ fs: gitFs, gitdir: commonDir, path });
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' ? `${value}` : undefined;
}

async function withCommonDir(gitDir: string, workTree: string | undefined): Promise<GitLayout> {
  const common = await readTextIfThere(join(gitDir, 'commondir'));
  return { gitDir, commonDir: common === undefined ? gitDir : resolve(gitDir, common.trim()), workTree };
}

/** A work tree's folder, a `.git` folder or a bare repository. undefined: none of these. */
export async function findLayout(path: string): Promise<GitLayout | undefined> {
  const dotGit = join(path, '.git');
  const kind = await kindOf(dotGit);
  if (kind === 'folder' && (await isGitDir(dotGit))) return await withCommonDir(dotGit, path);
  if (kind === 'file') {
    const target = /^gitdir: (.+)$/m.exec((await readTextIfThere(dotGit)) ?? '')?.[1];
    return target === undefined ? undefined : await withCommonDir(resolve(path, target.trim()), path);
  }
  if (!(await isGitDir(path))) return undefined;
  const bare = basename(path) !== '.git' || (await config(path, 'core.bare')) === 'true';
  return await withCommonDir(path, bare ? undefined : dirname(path));
}

/** The folder that holds `.git`, from here upwards; undefined: this is no work tree. */
export async function findWorkTree(folder: string): Promise<GitLayout | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = (await kindOf(join(at, '.git'))) === undefined ? undefined : await findLayout(at);
    if (found !== undefined) return found;
    if (dirname(at) === at) return undefined;
  }
}

const notRead = (commonDir: string, what: string, hint: string): AppError =>
  new AppError('git-unsupported', `the repository ${commonDir} ${what}`, { hint });

/** Throws `git-unsupported` for forms of storage that isomorphic-git does not read, before it fails in some odd way. */
export async function checkStorage(commonDir: string): Promise<void> {
  const format = (await config(commonDir, 'extensions.objectformat')) ?? 'sha1';
  if (format !== 'sha1')
    throw notRead(commonDir, `names its objects by ${format}`, 'Use a SHA-1 repository (the default of git init).');
  const refs = (await config(commonDir, 'extensions.refstorage')) ?? 'files';
  if (refs !== 'files')
    throw notRead(commonDir, `keeps its refs as ${refs}`, 'Convert it with `git refs migrate --ref-format=files`.');
  if ((await config(commonDir, 'extensions.partialclone')) !== undefined) {
    throw notRead(commonDir, 'is a partial clone', 'Use a full clone, or name the address that it was cloned from.');
  }
  const alternates = (await readTextIfThere(join(commonDir, 'objects/info/alternates'))) ?? '';
  if (alternates.trim() !== '') {
    throw notRead(
      commonDir,
      'borrows objects from another one',
      'Run `git repack -a -d` there and remove objects/info/alternates.',
    );
  }
  if (((await readTextIfThere(join(commonDir, 'shallow'))) ?? '').trim() !== '') {
    throw notRead(commonDir, 'is a shallow clone', 'Run `git fetch --unshallow` there.');
  }
}

/** The work tree that has this branch checked out, of all that belong to the repository. */
export async function checkedOutAt(layout: GitLayout, branch: string): Promise<string | undefined> {
  const wanted = `ref: refs/heads/${branch}`;
  const linked = join(layout.commonDir, 'worktrees');
  const names = await fs.readdir(linked).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  for (const name of names) {
    const head = await readTextIfThere(join(linked, name, 'HEAD'));
    const dotGit = await readTextIfThere(join(linked, name, 'gitdir'));
    if (head?.trim() === wanted && dotGit !== undefined) return dirname(resolve(linked, name, dotGit.trim()));
  }
  const main = await findLayout(layout.commonDir);
  const head = await readTextIfThere(join(layout.commonDir, 'HEAD'));
  return head?.trim() === wanted ? main?.workTree : undefined;
}
