// The demo's bare repository, made without git: one commit of the example's files and of the machines as they really are.
import * as fs from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import git from 'isomorphic-git';

const author = { name: 'portoser demo', email: 'demo@portoser.example', timestamp: 0, timezoneOffset: 0 };

/** Writes a folder as a tree object; `replaced` holds texts by path that stand in for the files there. */
async function writeTree(
  gitdir: string,
  folder: string,
  path: string,
  replaced: ReadonlyMap<string, string>,
): Promise<string> {
  const entries = await readdir(join(folder, path), { withFileTypes: true });
  const tree = await Promise.all(
    entries.map(async entry => {
      const own = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory())
        return {
          mode: '040000',
          path: entry.name,
          type: 'tree' as const,
          oid: await writeTree(gitdir, folder, own, replaced),
        };
      const text = replaced.get(own);
      const blob = text === undefined ? await readFile(join(folder, own)) : Buffer.from(text);
      return {
        mode: '100644',
        path: entry.name,
        type: 'blob' as const,
        oid: await git.writeBlob({ fs, gitdir, blob }),
      };
    }),
  );
  return await git.writeTree({ fs, gitdir, tree });
}

/** Answers the commit. */
export async function makeRepository(
  gitdir: string,
  example: string,
  replaced: ReadonlyMap<string, string>,
): Promise<string> {
  await git.init({ fs, gitdir, bare: true, defaultBranch: 'main' });
  const now = { ...author, timestamp: Math.floor(Date.now() / 1000) };
  const tree = await writeTree(gitdir, example, '', replaced);
  return await git.commit({
    fs,
    gitdir,
    message: 'The demo\n',
    tree,
    parent: [],
    ref: 'refs/heads/main',
    author: now,
    committer: now,
  });
}
