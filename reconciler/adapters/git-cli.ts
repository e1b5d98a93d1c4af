// Runs the git of the person whose work tree it is: with their identity, hooks and signing.
import { execFile } from 'node:child_process';
import { systemCode } from './git-fs.js';

export interface GitOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const outputLimit = 64 * 1024 * 1024;
export const gitTimeLimitMs = 120_000;

/** The environment without what a surrounding git (we may run in a hook) says about another repository. */
function environment(): NodeJS.ProcessEnv {
  const foreign =
    /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR|PREFIX|NAMESPACE|ALTERNATE_OBJECT_DIRECTORIES)$/;
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_LITERAL_PATHSPECS: '1' };
}

/** undefined: there is no git on this machine. A failure is an answer; a git that hangs is ended and answers code -1. */
export function runGit(folder: string, words: readonly string[], input = ''): Promise<GitOutput | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: folder,
      env: environment(),
      maxBuffer: outputLimit,
      timeout: gitTimeLimitMs,
      encoding: 'utf8',
    } as const;
    const child = execFile('git', [...words], options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (systemCode(error) === 'ENOENT') resolve(undefined);
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else if (error.killed === true)
        resolve({ code: -1, stdout, stderr: `${stderr}git was ended after ${gitTimeLimitMs} ms` });
      else reject(error);
    });
    // A git that ends before it read all closes the pipe; what it says then is its answer.
    child.stdin?.on('error', () => undefined).end(input);
  });
}
