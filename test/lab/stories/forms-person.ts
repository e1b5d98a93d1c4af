// A person at the controller: a home, a shell in which `portoser` is a command, and a clone of a repository to stand in.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { typedFaults } from '../../answers.js';
import { freshRepo, gitEnv, keyFile, runProgram, type Ended, type FreshRepo } from '../harness.js';
import { program } from '../../program.js';

export interface Person {
  readonly home: string;
  /** Where commands are typed: the work tree of `repo`. */
  readonly folder: string;
  readonly repo: FreshRepo;
  readonly env: NodeJS.ProcessEnv;
  /** Types a line of shell, with nobody to answer questions. */
  type(line: string, more?: Typing): Promise<Ended>;
  /** Types it with `--json` and parses the answer; its exit code must be this one. */
  json<T = unknown>(line: string, code?: number): Promise<T>;
  /** Starts it and goes on; `stop` sends a signal and answers the exit code. */
  start(line: string): Running;
  git(...words: string[]): Promise<string>;
  /** The registry's text as it lies there. */
  registry(): string;
  remove(): void;
}

export interface Typing {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

export interface Running {
  output(): string;
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

function writeProgram(path: string): void {
  writeFileSync(path, `#!/bin/sh\nexec node ${program} "$@"\n`);
  chmodSync(path, 0o755);
}

function giveKey(path: string): void {
  copyFileSync(keyFile, path);
  chmodSync(path, 0o600);
}

/** With the lab's key as the person's own, so that lab hosts need no `ssh_key`. Take it away by `remove`. */
export async function freshPerson(): Promise<Person> {
  const repo = await freshRepo();
  const home = mkdtempSync(join(tmpdir(), 'portoser-person-'));
  const bin = join(home, 'bin');
  mkdirSync(bin);
  writeProgram(join(bin, 'portoser'));
  mkdirSync(join(home, '.ssh'), { mode: 0o700 });
  if (existsSync(keyFile)) giveKey(join(home, '.ssh/id_ed25519'));
  const env: NodeJS.ProcessEnv = {
    ...gitEnv,
    HOME: home,
    PATH: `${bin}:${gitEnv['PATH'] ?? ''}`,
    PORTOSER_STATE_DIR: join(home, 'state'),
    XDG_CONFIG_HOME: '',
    XDG_STATE_HOME: '',
  };
  const type: Person['type'] = (line, { cwd = repo.work, env: more = {}, timeoutMs = 240_000 } = {}) =>
    runProgram('sh', ['-c', line], { cwd, env: { ...env, ...more }, timeoutMs });
  return {
    home,
    folder: repo.work,
    repo,
    env,
    type,
    async json<T>(line: string, code = 0) {
      const ended = await type(`${line} --json`);
      expect(ended, line).toMatchObject({ code });
      expect(typedFaults(`${line} --json`.replace(/^portoser /, ''), ended.stdout)).toBeUndefined();
      return JSON.parse(ended.stdout) as T;
    },
    git: (...words) => repo.git(...words),
    start: line => startLine(line, repo.work, env),
    registry: () => readFileSync(join(repo.work, 'registry.yml'), 'utf8'),
    remove() {
      repo.remove();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function startLine(line: string, cwd: string, env: NodeJS.ProcessEnv): Running {
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  const closed = new Promise<number | null>(resolve => child.once('close', code => resolve(code)));
  return {
    output: () => text,
    stop: async signal => {
      child.kill(signal);
      return await closed;
    },
  };
}
