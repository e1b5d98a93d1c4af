// Runs a program of this machine to its end and tells everything about it.
import { spawn } from 'node:child_process';

export interface Ended {
  /** Exit code; 128 + signal number when a signal ended it, 124 when `timeoutMs` was over. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Buffer;
  /** How to read both outputs; `latin1` keeps every byte (default utf8). */
  readonly encoding?: BufferEncoding;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After this the program gets SIGKILL (default 60 s). */
  readonly timeoutMs?: number;
}

/** Rejects only when the program cannot be started at all. */
export function runProgram(program: string, words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd: options.cwd, env: options.env ?? process.env });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 60_000);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined); // it may end before it has read everything; its exit code tells
    child.on('error', error => {
      clearTimeout(limit);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const ended = late ? 124 : (code ?? (signal === 'SIGKILL' ? 137 : 143));
      const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString(options.encoding);
      resolve({ code: ended, stdout: text(out), stderr: text(err) });
    });
    child.stdin.end(options.stdin ?? '');
  });
}

/** The standard output; throws with both outputs when the exit code is not 0. */
export async function mustRun(program: string, words: readonly string[], options: RunOptions = {}): Promise<string> {
  const ended = await runProgram(program, words, options);
  if (ended.code === 0) return ended.stdout;
  throw new Error(`${program} ${words.join(' ')}: exit ${ended.code}\n${ended.stdout}${ended.stderr}`);
}
