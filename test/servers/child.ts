// A server program that runs beside the test: its log is kept, and it ends with us, in whatever way we end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Child {
  /** What it has written to both outputs so far. */
  log(): string;
  /** SIGTERM, then waits for the end. Does nothing when it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the program given by "$@" and sends it SIGTERM when descriptor 3, our pipe, closes: the kernel closes it also
 * when this process is killed. A process group of its own keeps a terminal's Ctrl-C away from the shell.
 */
const guard = `exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill "$program" 2>/dev/null; } </dev/null >/dev/null 2>&1 & watch=$!
wait "$program"; code=$?
kill "$watch" 2>/dev/null
exit "$code"`;

export function startChild(program: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Child {
  const child = spawn('/bin/sh', ['-c', guard, 'sh', program, ...words], { env, detached: true });
  let text = '';
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.on('error', () => undefined); // it ended before we closed the pipe
  const ended = once(child, 'exit');
  return {
    log: () => text,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
