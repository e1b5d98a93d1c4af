// Takes the lab for one process, and runs its program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { labProgram } from './host.js';
import { mustRun } from './run-program.js';

/** The first run on a machine builds the base, and another run may have the lab. */
export const longestWaitMs = 1_800_000;

export async function lab(...words: string[]): Promise<void> {
  await mustRun(labProgram, words, { timeoutMs: longestWaitMs });
}

/** Takes the lab for this process; when it ends in any way, even by SIGKILL, the pipe closes and the lab cleans up. */
export async function holdLab(): Promise<() => Promise<void>> {
  const holder = spawn(labProgram, ['hold'], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(holder, 'close');
  const said: string[] = [];
  holder.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const ready = once(createInterface(holder.stdout), 'line');
  await Promise.race([ready, closed]);
  if (holder.exitCode !== null) throw new Error(`no lab: ${said.join('')}`);
  return async () => {
    holder.stdin.end();
    await closed;
  };
}
