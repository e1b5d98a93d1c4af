// Runs one script in a `/bin/sh -s` that somebody started, here or on a machine: frame, limits, ending its process group.
import { randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { type Command, display, render, renderStream, type Reveal, sh } from '../commands/command.js';
import type { CommandResult, RunLimits } from '../ports.js';
import { type FramedOutput, frameOutput } from './shell-output.js';

/** How a process ended; `code` is null for a signal and for a lost connection. */
export interface Ending {
  readonly code: number | null;
  readonly lost: boolean;
}

/** A `/bin/sh -s` that waits for its script. */
export interface ScriptProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The shell has ended; its outputs may still be open. */
  readonly exited: Promise<Ending>;
  /** The shell has ended and its outputs were read to their end. */
  readonly closed: Promise<Ending>;
  /** Closes our side; ends nothing over there. */
  abandon(): void;
}

export interface ScriptRun {
  readonly machine: string;
  readonly display: string;
  readonly script: string;
  readonly limits: RunLimits;
  /** The shell stands behind `sudo -n`. */
  readonly root: boolean;
}

export interface ScriptWish {
  readonly machine: Machine;
  /** Who runs it there without sudo. */
  readonly user: string;
  readonly command: Command;
  readonly limits: RunLimits;
  readonly reveal: Reveal | undefined;
}

/** Renders it, with secrets revealed: as late as can be, and kept nowhere else. Throws `sudo-refused` where the registry forbids root. */
export function prepareScript({ machine, user, command, limits, reveal }: ScriptWish): ScriptRun {
  const root = asRoot(machine, user, limits);
  return { machine: machine.name, display: display(command), script: render(command, reveal), limits, root };
}

/** For a shell whose standard input carries bytes as well. */
export function prepareStream({ machine, user, command, reveal }: Omit<ScriptWish, 'limits'>): ScriptRun {
  const limits: RunLimits = { timeLimitMs: Number.POSITIVE_INFINITY };
  const root = asRoot(machine, user, limits);
  return { machine: machine.name, display: display(command), script: renderStream(command, reveal), limits, root };
}

/** Whether it goes through sudo: who is root already never needs to. */
function asRoot(machine: Machine, user: string, limits: RunLimits): boolean {
  if (user === 'root' || !(limits.root ?? machine.sudo === 'always')) return false;
  if (machine.sudo !== 'never') return true;
  throw new AppError('sudo-refused', `${machine.name}: this needs root, and the registry says sudo: never`, {
    details: { machine: machine.name },
    hint: 'Log in as root, allow sudo for this machine in the registry, or use `scope: user`.',
  });
}

/** Ends the process group of this pid over there; answers whether it is gone. */
export type EndGroup = (pid: number) => Promise<boolean>;

const defaultOutputLimit = 8 * 1024 * 1024;
/** Outputs that a background process keeps open are given up after that long without a byte. */
const quietMs = 2000;

type Cause = 'closed' | 'held open' | 'time limit' | 'aborted';

/**
 * Runs it. A result, whatever the exit code; throws `sudo-refused` or `machine-shell` when the script never began, and
 * `interrupted` when the signal fired (the group is ended first).
 */
export async function runScript(run: ScriptRun, process: ScriptProcess, endGroup: EndGroup): Promise<CommandResult> {
  if (run.limits.signal?.aborted === true) {
    process.abandon();
    throw interrupted(run);
  }
  const startedAt = performance.now();
  const marker = `portoser-${randomBytes(8).toString('hex')}`;
  const limit = run.limits.outputLimit ?? defaultOutputLimit;
  const out = frameOutput(marker, limit, run.limits.onOutput);
  const err = frameOutput(marker, limit);
  let lastByteAt = startedAt;
  const listen = (stream: Readable, output: FramedOutput): void => {
    stream.on('data', (chunk: Buffer) => {
      lastByteAt = performance.now();
      output.push(chunk);
    });
  };
  listen(process.stdout, out);
  listen(process.stderr, err);
  // A shell that ended early breaks the pipe; how it ended is told by its exit code.
  process.stdin.on('error', () => undefined);
  process.stdin.end(`echo ${marker} $$; echo ${marker} $$ >&2\n${run.script}`);

  const cause = await firstCause(process, run.limits, () => performance.now() - lastByteAt);
  const ending = await settle(cause, process, () => endByPid(endGroup, () => out.opening ?? err.opening));
  process.abandon();
  if (cause === 'aborted') throw interrupted(run);
  if (cause !== 'time limit' && !ending.lost && out.opening === undefined) throw neverBegan(run, ending, out, err);
  return {
    machine: run.machine,
    display: run.display,
    code: ending.code,
    stdout: out.tail.text(),
    stderr: err.tail.text(),
    durationMs: Math.round(performance.now() - startedAt),
    timedOut: cause === 'time limit',
    lost: ending.lost,
    truncated: out.tail.truncated || err.tail.truncated || cause === 'held open',
  };
}

/** Waits for the end, the time limit, the abort signal, or for outputs that stay open after the shell's end. */
async function firstCause(process: ScriptProcess, limits: RunLimits, quietFor: () => number): Promise<Cause> {
  const timers: NodeJS.Timeout[] = [];
  let stopListening = (): void => undefined;
  const cause = await new Promise<Cause>(resolve => {
    timers.push(setTimeout(() => resolve('time limit'), Math.min(limits.timeLimitMs, 2 ** 31 - 1)));
    const abort = (): void => resolve('aborted');
    limits.signal?.addEventListener('abort', abort, { once: true });
    stopListening = () => limits.signal?.removeEventListener('abort', abort);
    void process.closed.then(() => resolve('closed'));
    void process.exited.then(() => {
      const exitedAt = performance.now();
      const look = (): void => {
        if (Math.min(quietFor(), performance.now() - exitedAt) >= quietMs) resolve('held open');
      };
      timers.push(setInterval(look, quietMs / 10));
    });
  });
  timers.forEach(clearTimeout);
  stopListening();
  return cause;
}

async function settle(cause: Cause, process: ScriptProcess, end: () => Promise<boolean>): Promise<Ending> {
  switch (cause) {
    case 'closed':
      return process.closed;
    case 'held open':
      return process.exited;
    case 'time limit':
    case 'aborted':
      return { code: null, lost: !(await end()) };
    default:
      return cause satisfies never;
  }
}

/** Gives a script that was only just sent the time to tell its pid. */
export async function endByPid(endGroup: EndGroup, pidText: () => string | undefined): Promise<boolean> {
  for (let waitedMs = 0; pidText() === undefined && waitedMs < quietMs; waitedMs += 20) await pause(20);
  const pid = Number(pidText());
  return Number.isSafeInteger(pid) && pid > 1 ? endGroup(pid) : false;
}

function interrupted(run: ScriptRun): AppError {
  return new AppError('interrupted', `${run.machine}: interrupted: ${run.display}`, {
    details: { machine: run.machine },
  });
}

function neverBegan(run: ScriptRun, ending: Ending, out: FramedOutput, err: FramedOutput): AppError {
  const said = `${err.noise()}\n${out.noise()}`.trim().slice(-1000);
  const details = { machine: run.machine, exitCode: ending.code, said };
  // With sudo in between, a shell that never began was not allowed to (exit code 1), or sudo is not there (127).
  if (run.root)
    return new AppError('sudo-refused', `${run.machine}: sudo -n /bin/sh did not start: ${said}`, { details });
  return new AppError('machine-shell', `${run.machine}: /bin/sh did not start (exit code ${ending.code}): ${said}`, {
    details,
  });
}

/**
 * Ends the process group that a shell belongs to: TERM, two seconds, KILL. Exit code 0: the group, or the shell itself, is gone.
 * The group is read from /proc (proc_pid_stat(5): state, parent and group follow the name in parentheses) or from ps(1); zombies
 * count as gone, for some init processes are slow to reap. `sudo`: what is not ours to signal is root's.
 * No `--` before a group: busybox's kill does not know it.
 */
export function endGroupCommand(pid: number, sudo: boolean): Command {
  const other = sudo ? sh`sudo -n kill "$@" 2>/dev/null` : sh`false`;
  return sh`fields() { { read -r s <"$1"; } 2>/dev/null && s=\${s##*) }; }
if fields /proc/${pid}/stat; then set -- $s; g=$3
else g=$(ps -o pgid= -p ${pid} 2>/dev/null | tr -d ' '); fi
case $g in ''|0|1|*[!0-9]*) exit 0;; esac
signal() { kill "$@" 2>/dev/null || ${other}; }
alive() {
  signal -0 "-$g" || return 1
  [ -r /proc/self/stat ] || return 0
  for f in /proc/[0-9]*/stat; do
    fields "$f" || continue
    set -- $s
    if [ "$3" = "$g" ] && [ "$1" != Z ]; then return 0; fi
  done
  return 1
}
gone() { n=0; while [ $n -lt 20 ]; do alive || return 0; sleep 0.1 2>/dev/null || sleep 1; n=$((n+1)); done; return 1; }
signal -TERM "-$g"; gone && exit 0
signal -KILL "-$g"; gone
`;
}

/** Time limit of ending a group, connecting included. */
export const endGroupLimitMs = 15_000;
