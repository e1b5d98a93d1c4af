// Makes repositories with the git command line, for every test that reads or writes one.
import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import type { Log } from '../../reconciler/ports.js';

const execFileAsync = promisify(execFile);

export const gitEnv = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_TERMINAL_PROMPT: '0',
};

/** Runs git; answers its standard output. */
export async function git(folder: string, ...words: string[]): Promise<string> {
  const options = { cwd: folder, env: gitEnv, maxBuffer: 64 * 1024 * 1024 };
  return (await execFileAsync('git', ['-c', 'protocol.file.allow=always', ...words], options)).stdout.trim();
}

/** Runs git with bytes on its standard input. */
export async function gitWith(folder: string, input: string | Buffer, ...words: string[]): Promise<string> {
  const running = execFileAsync('git', words, { cwd: folder, env: gitEnv });
  running.child.stdin?.end(input);
  return (await running).stdout.trim();
}

/** A folder that goes away with the test. */
export async function scratch(): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'portoser-git-'));
  onTestFinished(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A bare repository whose HEAD names `trunk`, and a clone of it with one commit, pushed. */
export async function makeRepo(parent: string): Promise<{ readonly bare: string; readonly clone: string }> {
  const bare = join(parent, 'fleet.git');
  const clone = join(parent, 'clone');
  await fs.mkdir(parent, { recursive: true });
  await git(parent, 'init', '--quiet', '--bare', '--initial-branch=trunk', bare);
  await git(parent, 'clone', '--quiet', bare, clone);
  await git(clone, 'checkout', '--quiet', '-B', 'trunk');
  await commitFiles(clone, { 'registry.yml': 'cluster: one\n', 'apps/web/run.sh': '#!/bin/sh\n' }, 'first');
  await git(clone, 'push', '--quiet', 'origin', 'trunk');
  return { bare, clone };
}

/** Writes files into a work tree and commits them; answers the commit. */
export async function commitFiles(
  clone: string,
  files: Readonly<Record<string, string>>,
  message = 'change',
): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await fs.mkdir(dirname(join(clone, path)), { recursive: true });
    await fs.writeFile(join(clone, path), text);
  }
  await git(clone, 'add', '--all');
  await git(clone, 'commit', '--quiet', '--allow-empty', '-m', message);
  return await git(clone, 'rev-parse', 'HEAD');
}

export async function pushFiles(
  clone: string,
  files: Readonly<Record<string, string>>,
  message = 'change',
): Promise<string> {
  const commit = await commitFiles(clone, files, message);
  await git(clone, 'push', '--quiet', 'origin', 'HEAD');
  return commit;
}

/** A long line of commits, made in one go. Answers its head. */
export async function pushMany(clone: string, count: number): Promise<string> {
  const parent = await git(clone, 'rev-parse', 'HEAD');
  const commits = Array.from({ length: count }, (_, index) => {
    const message = `commit ${index}`;
    const text = `number ${index}\n`;
    const from = index === 0 ? `from ${parent}\n` : '';
    return `commit refs/heads/trunk\ncommitter Ada <ada@example.org> ${1_700_000_000 + index} +0000\ndata ${message.length}\n${message}\n${from}M 100644 inline many.txt\ndata ${text.length}\n${text}\n`;
  });
  await gitWith(clone, commits.join(''), 'fast-import', '--quiet', '--force');
  await git(clone, 'reset', '--quiet', '--hard', 'trunk');
  await git(clone, 'push', '--quiet', 'origin', 'trunk');
  return await git(clone, 'rev-parse', 'HEAD');
}

/** Keeps what was logged; a test that expects no warning looks at `warnings`. */
export function recordingLog(): Log & { readonly warnings: string[] } {
  const warnings: string[] = [];
  const silent = (): void => undefined;
  const warn = (_: unknown, message: string): void => void warnings.push(message);
  const log: Log & { readonly warnings: string[] } = {
    warnings,
    child: () => log,
    debug: silent,
    info: silent,
    warn,
    error: warn,
  };
  return log;
}
