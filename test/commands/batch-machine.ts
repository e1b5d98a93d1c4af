// A machine for scripts: a state folder of its own and one of the shells that are here; and batches that tests change only where they say so.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Batch,
  type BatchChange,
  batchCommand,
  type BatchStep,
  type Finish,
  finishCommand,
} from '../../reconciler/commands/batch.js';
import { type Command, render } from '../../reconciler/commands/command.js';
import { type ProbeSection, readProbe } from '../../reconciler/commands/probe.js';
import type { shells } from './supervise-shells.js';

export const nonce = 'n0nce';
export const user = userInfo().username;
type Shell = (typeof shells)[number];

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly sections: readonly ProbeSection[] | undefined;
  /** Rows of the result by id. */
  readonly rows: Readonly<Record<string, string>>;
  /** Rest of a frame's line. */
  said(name: string): string | undefined;
}

export interface ScriptMachine {
  /** XDG_STATE_HOME. */
  readonly home: string;
  /** The cluster's folder there. */
  readonly state: string;
  /** A folder for what services have. */
  readonly place: string;
  start(command: Command, shell?: Shell): ChildProcess;
  run(command: Command, shell?: Shell): Promise<Answer>;
  remove(): Promise<void>;
}

export function answerOf(code: number | null, stdout: string, stderr: string): Answer {
  const sections = readProbe(stdout, nonce) ?? readProbe(`${stdout}\n@${nonce} end`, nonce);
  const lines = sections?.find(one => one.name === 'results')?.lines ?? [];
  const rows = Object.fromEntries(lines.filter(line => line !== '').map(line => line.split(' ') as [string, string]));
  const said = (name: string) => sections?.find(section => section.name === name)?.rest;
  return { code, stdout, stderr, sections, rows, said };
}

export function createScriptMachine(cluster = 'c'): ScriptMachine {
  const home = mkdtempSync(join(tmpdir(), 'portoser-script-'));
  const state = join(home, 'portoser', 'clusters', cluster);
  const started = new Set<ChildProcess>();

  function start(command: Command, shell: Shell = { name: 'sh', program: 'sh', words: [] }): ChildProcess {
    const env = { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: home };
    const child = spawn(shell.program, [...shell.words, '-s'], { env, stdio: 'pipe', detached: true });
    started.add(child);
    child.once('close', () => started.delete(child));
    child.stdin?.end(render(command));
    return child;
  }

  async function run(command: Command, shell?: Shell): Promise<Answer> {
    const child = start(command, shell);
    const texts = { out: '', err: '' };
    child.stdout?.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return answerOf(code, texts.out, texts.err);
  }

  return {
    home,
    state,
    place: join(home, 'place'),
    start,
    run,
    remove: async () => {
      for (const child of started) {
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        await closed;
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export function aBatch(changes: readonly BatchChange[], more: Partial<Batch> = {}): Batch {
  return {
    id: 'a1',
    nonce,
    sudo: 'never',
    cluster: 'c',
    identity: 'root1',
    newMachineId: 'm1',
    holder: { controller: 'c1', process: '1:1' },
    gone: '-',
    sshUser: user,
    changes,
    timeLimitMs: 60_000,
    ...more,
  };
}

export const batchOf = (changes: readonly BatchChange[], more: Partial<Batch> = {}): Command =>
  batchCommand(aBatch(changes, more));

export const aChange = (service: string, more: Partial<BatchChange> = {}): BatchChange => ({
  service,
  basis: '',
  claim: `claim of ${service}\n`,
  folders: [],
  files: [],
  unlink: [],
  steps: [],
  ...more,
});

export const aStep = (command: Command, more: Partial<BatchStep> = {}): BatchStep => ({
  phase: 'start',
  what: 'start',
  command,
  timeLimitMs: 60_000,
  ...more,
});

export const finishOf = (more: Partial<Finish>): Command =>
  finishCommand({
    id: 'f1',
    batch: 'a1',
    nonce,
    sudo: 'never',
    cluster: 'c',
    fence: '1.a1',
    sshUser: user,
    stamps: [],
    forget: [],
    images: [],
    release: true,
    ...more,
  });

export const stampIn = (machine: ScriptMachine, service: string): string =>
  readFileSync(join(machine.state, 'stamps', service), 'utf8');

/** Every file below a folder, sorted. */
export function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(one => !one.isDirectory())
    .map(one => join(one.parentPath, one.name))
    .toSorted();
}

/** Waits until it is so; a test that never sees it ends by its own limit. */
export async function until(seen: () => boolean): Promise<void> {
  while (!seen()) await pause(10);
}
