// `portoser` as a person types it: the shipped program in a folder of theirs, with what it prints kept; and that folder as a repository.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { typedFaults } from '../answers.js';
import { program } from '../program.js';

type More = Readonly<Record<string, string>>;

export interface Typed {
  readonly child: ChildProcess;
  /** So far. */
  readonly texts: { out: string; err: string };
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Typist {
  /** The line after `portoser`, split at blanks; `more`: environment for this one. */
  start(line: string, more?: More): Typed;
  /** The same, to its end. */
  portoser(line: string, more?: More): Promise<Ended>;
  /** What still runs is killed. */
  endAll(): void;
}

/** `where` is asked at each start. */
export function typist(where: () => { readonly cwd: string; readonly env: NodeJS.ProcessEnv }): Typist {
  const started: ChildProcess[] = [];
  const start: Typist['start'] = (line, more = {}) => {
    const { cwd, env } = where();
    const words = [program, ...line.split(' ')];
    const child = spawn(process.execPath, words, { cwd, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const texts = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
    return { child, texts };
  };
  return {
    start,
    async portoser(line, more) {
      const { child, texts } = start(line, more);
      const [code] = (await once(child, 'close')) as [number | null];
      const fault = typedFaults(line, texts.out);
      if (fault !== undefined) throw new TypeError(fault);
      return { code, ...texts };
    },
    endAll: () => started.forEach(child => child.kill('SIGKILL')),
  };
}

const git = (folder: string, ...words: string[]) => promisify(execFile)('git', ['-C', folder, ...words]);

/** A repository of Ada's, without a commit. */
export async function beginRepo(folder: string): Promise<void> {
  await mkdir(folder);
  await git(folder, 'init', '-q', '-b', 'main');
  await git(folder, 'config', 'user.name', 'Ada');
  await git(folder, 'config', 'user.email', 'ada@example.org');
}

export async function commitAll(folder: string, message: string): Promise<void> {
  await git(folder, 'add', '-A');
  await git(folder, 'commit', '-q', '-m', message);
}
