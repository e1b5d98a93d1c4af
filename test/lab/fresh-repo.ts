// A bare git repository with a clone to work in, both in a new folder, driven by the git program as a person would.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mustRun } from './run-program.js';

export interface FreshRepo {
  /** The folder that holds both. */
  readonly dir: string;
  /** The bare repository: what Portoser is pointed at. */
  readonly bare: string;
  /** The clone in which the test writes. */
  readonly work: string;
  /** Writes (or with `null` removes) the files and commits them; the commit's id. */
  commit(files: Readonly<Record<string, string | null>>, message: string): Promise<string>;
  /** Pushes the branch `main`; `force` when history was rewritten. */
  push(options?: { force?: boolean }): Promise<void>;
  /** Runs git in the clone; its standard output without the last line end. */
  git(...words: string[]): Promise<string>;
  /** Deletes both. */
  remove(): void;
}

/** The environment for git in tests: nothing of the person's own configuration, nor of a hook that we may run under. */
export const gitEnv: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

export async function freshRepo(): Promise<FreshRepo> {
  const dir = mkdtempSync(join(tmpdir(), 'portoser-repo-'));
  const bare = join(dir, 'origin.git');
  const work = join(dir, 'work');
  await mustRun('git', ['init', '-q', '--bare', '-b', 'main', bare], { env: gitEnv });
  await mustRun('git', ['init', '-q', '-b', 'main', work], { env: gitEnv });
  const git = async (...words: string[]) => (await mustRun('git', words, { cwd: work, env: gitEnv })).trimEnd();
  await git('remote', 'add', 'origin', bare);
  return {
    dir,
    bare,
    work,
    git,
    async commit(files, message) {
      for (const [path, text] of Object.entries(files)) place(join(work, path), text);
      await git('add', '-A');
      await git('commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
    async push({ force = false } = {}) {
      await git('push', '-q', ...(force ? ['--force'] : []), 'origin', 'HEAD:main');
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function place(path: string, text: string | null): void {
  if (text === null) return rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
