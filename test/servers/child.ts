// A server program that runs beside the test: its log is kept, it is ended by its own id, and it does not outlive us.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Child {
  /** What it has written to both outputs so far. */
  log(): string;
  /** SIGTERM (or another signal), then waits for the end. Does nothing when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

/** Its workers too: each server has a process group of its own. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal);
}

export function startChild(program: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Child {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
  running.add(child);
  let text = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.once('error', error => (text += `${program}: ${error.message}`));
  const ended = once(child, 'exit').catch(() => undefined); // a program that is not there: the log says it
  child.once('exit', () => running.delete(child));
  return {
    log: () => text,
    async stop(signal = 'SIGTERM') {
      signalGroup(child, signal);
      await ended;
    },
  };
}
