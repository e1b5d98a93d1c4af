// Runs the built program as a user does, by plain node, and says how long that took.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const builtProgram = fileURLToPath(new URL('../../dist/api/cli/main.js', import.meta.url));

export interface Timed {
  readonly tookMs: number;
  readonly code: number | null;
  readonly output: string;
}

/** From the start of the process to its end. Both outputs are read, as a terminal would. */
export function timed(program: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const output: Buffer[] = [];
    const startedAt = performance.now();
    const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
    child.once('error', reject);
    child.once('close', code => {
      resolve({ tookMs: performance.now() - startedAt, code, output: Buffer.concat(output).toString() });
    });
  });
}

/** Milliseconds; throws with its words when it ends otherwise than with `code`. */
export async function mustTake(
  program: string,
  words: readonly string[],
  code = 0,
  env?: NodeJS.ProcessEnv,
): Promise<number> {
  const ended = await timed(program, words, env);
  if (ended.code !== code) throw new Error(`${program} ${words.join(' ')}: exit ${ended.code}\n${ended.output}`);
  return ended.tookMs;
}
