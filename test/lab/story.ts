// A story on real hosts: a repository with a registry of its own, and Portoser driven over it as a person does, by the command line.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { runningPostmaster, stopPostmaster } from '../../reconciler/adapters/postgres-process.js';
import type { PlanReport } from '../../reconciler/operations/plan.js';
import type { Change } from '../../schema/plan.js';
import type { PassReport, StatusReport } from '../../schema/status.js';
import { program, project } from '../program.js';
import {
  eventually,
  freshRepo,
  gitEnv,
  hostKey,
  keyFile,
  runProgram,
  type Ended,
  type FreshRepo,
  type Host,
} from './harness.js';

/** A registry as data; it is written as YAML. */
export interface StoryRegistry {
  readonly cluster?: string;
  readonly machines: Readonly<Record<string, object>>;
  readonly services: Readonly<Record<string, object>>;
  readonly [section: string]: unknown;
}

/** A lab host as an entry of `machines`, reached as root unless `more` says otherwise. */
export function labMachine(host: Host, more: object = {}): object {
  return {
    host: host.address,
    user: 'root',
    platform: 'linux',
    ssh_key: keyFile,
    host_key: hostKey(host.index),
    ...more,
  };
}

export interface StoryWish {
  /** More environment for every command: `PORTOSER_LOG`, `PORTOSER_GIT_SSH_KEY` … */
  readonly env?: NodeJS.ProcessEnv;
  /** What --repo names (default: the bare repository as a folder). */
  readonly address?: string;
  /** Its controllers keep history in a database of their own, whose user has to pass through the story's folder. */
  readonly database?: true;
}

export interface Story {
  readonly repo: FreshRepo;
  readonly stateDir: string;
  /** Commits the registry (and files, `null` removes one), pushes; the commit's id. */
  push(registry: StoryRegistry, files?: Readonly<Record<string, string | null>>, message?: string): Promise<string>;
  /** `portoser …` with --repo and --state-dir. */
  cli(
    words: readonly string[],
    options?: { timeoutMs?: number; stateDir?: string; env?: NodeJS.ProcessEnv },
  ): Promise<Ended>;
  /** `portoser run --once --json`. */
  once(): Promise<{ readonly code: number; readonly report: PassReport }>;
  /** `portoser plan --committed --json`. */
  plan(): Promise<{ readonly code: number; readonly report: PlanReport }>;
  /** `portoser status --json`. */
  status(): Promise<StatusReport>;
  /** Starts `portoser run`; several may be started one after another. */
  run(options?: { stateDir?: string; env?: NodeJS.ProcessEnv }): Controller;
  /** Starts any other command that a test wants to end before its time. */
  start(words: readonly string[]): Controller;
  /** Ends what still runs, deletes repository and state. */
  remove(): Promise<void>;
}

/** A running `portoser run`. */
export interface Controller {
  readonly pid: number;
  /** Standard output and standard error so far. */
  output(): string;
  /** STOP: it does nothing at all until `resume`, as a process of a machine that sleeps. */
  pause(): void;
  resume(): void;
  /** Whether it has ended, by itself too. */
  ended(): boolean;
  /** TERM, then its end; the exit code. */
  stop(): Promise<number | null>;
  /** KILL: nothing gets to say goodbye. */
  kill(): Promise<void>;
}

/** Give it to `afterAll` by `remove`. */
export async function freshStory(wish: StoryWish = {}): Promise<Story> {
  const repo = await freshRepo();
  const home = mkdtempSync(join(tmpdir(), 'portoser-story-'));
  if (wish.database === true) chmodSync(home, 0o711);
  const stateDir = join(home, 'state');
  const running = new Set<Controller>();
  const env = {
    ...gitEnv,
    HOME: home,
    XDG_CONFIG_HOME: '',
    XDG_STATE_HOME: '',
    NO_COLOR: '1',
    PORTOSER_LISTEN: 'off',
    ...wish.env,
  };
  const where = (folder: string) => ['--repo', wish.address ?? repo.bare, '--state-dir', folder];
  const cli: Story['cli'] = (words, { timeoutMs = 240_000, stateDir: folder = stateDir, env: more = {} } = {}) =>
    runProgram('node', [program, ...words, ...where(folder)], { cwd: project, env: { ...env, ...more }, timeoutMs });
  const told = async <T>(...words: string[]): Promise<{ code: number; report: T }> => {
    const ended = await cli([...words, '--json']);
    return { code: ended.code, report: parsed<T>(words, ended) };
  };
  const start = (words: readonly string[], own: NodeJS.ProcessEnv = env): Controller => {
    const controller = startController(words, own);
    running.add(controller);
    return controller;
  };
  return {
    repo,
    stateDir,
    cli,
    async push(registry, files = {}, message = 'Change the registry') {
      const commit = await repo.commit({ 'registry.yml': stringify(registry), ...files }, message);
      await repo.push();
      return commit;
    },
    once: () => told<PassReport>('run', '--once'),
    plan: () => told<PlanReport>('plan', '--committed'),
    status: async () => (await told<StatusReport>('status')).report,
    run(options = {}) {
      const words = [program, 'run', ...where(options.stateDir ?? stateDir)];
      // As it is started by default, with its API, but on a port that is free.
      return start(words, { ...env, PORTOSER_LISTEN: '127.0.0.1:0', ...options.env });
    },
    start: ([command = '', ...words]) => start([program, command, ...where(stateDir), ...words]),
    async remove() {
      await Promise.all([...running].map(one => one.kill()));
      const data = join(stateDir, 'postgres/data');
      const database = await runningPostmaster(data);
      if (database !== undefined) await stopPostmaster(database.pid, data);
      repo.remove();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function parsed<T>(words: readonly string[], ended: Ended): T {
  try {
    return JSON.parse(ended.stdout) as T;
  } catch (cause) {
    throw new Error(`portoser ${words.join(' ')}: exit ${ended.code}\n${ended.stdout}${ended.stderr}`, { cause });
  }
}

function startController(words: readonly string[], env: NodeJS.ProcessEnv): Controller {
  const child = spawn('node', words, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const end = once(child, 'close');
  return {
    pid: child.pid ?? 0,
    output: () => text,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    ended: () => child.exitCode !== null || child.signalCode !== null,
    stop: () => ended(child, end, 'SIGTERM'),
    async kill() {
      await ended(child, end, 'SIGKILL');
    },
  };
}

async function ended(child: ChildProcess, end: Promise<unknown>, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await end;
  return child.exitCode;
}

/** The changes of a plan as `key kind reason [fields]`, sorted: short enough to compare. */
export function changesOf(report: Pick<PlanReport, 'plan'> | Pick<PassReport, 'plan'>): readonly string[] {
  return (report.plan?.waves ?? []).flat().map(changeText).toSorted();
}

function changeText(change: Change): string {
  const fields = [...new Set(change.fields.map(one => one.field))].toSorted();
  return [change.key, change.kind, change.reason, ...(fields.length === 0 ? [] : [fields.join(',')])].join(' ');
}

/** Waits until the commit is applied by a running controller, by its own notes. Throws with its output when it ends or never does. */
export async function untilApplied(
  story: Story,
  controller: Controller,
  commit: string,
  timeoutMs = 120_000,
): Promise<void> {
  const applied = async (): Promise<boolean> => {
    if (controller.ended()) throw new Error('the controller has ended');
    const { appliedCommit, controller: notes } = await story.status();
    return appliedCommit === commit && notes?.lastPass?.commit === commit && notes.lastPass.result === 'settled';
  };
  try {
    await eventually(`commit ${commit.slice(0, 12)} is applied`, applied, timeoutMs);
  } catch (cause) {
    throw new Error(`not applied: ${commit}; the controller said:\n${controller.output()}`, { cause });
  }
}
