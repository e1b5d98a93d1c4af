// One command whose standard input and output are byte streams: for what is too large to be held in memory.
import { randomBytes } from 'node:crypto';
import { type Readable, Transform, type Writable } from 'node:stream';
import type { CommandResult } from '../ports.js';
import { createTail } from './shell-output.js';
import { type EndGroup, endByPid, type ScriptProcess, type ScriptRun } from './shell-run.js';

/**
 * Reads its script from standard input by its length, and leaves the rest of it to the script: `sh -s` would read ahead.
 * dd(1) with blocks of one byte takes no byte more.
 */
export const streamShell = `/bin/sh -c 'read -r n && s=$(dd bs=1 count="$n" 2>/dev/null) && eval "$s"'`;

export interface ByteStreams {
  readonly input: Writable;
  /** Has to be read to its end, or given up by `end`. */
  readonly output: Readable;
  /** How it ended; its `stdout` is empty. */
  readonly ended: Promise<CommandResult>;
  /** Closes our side: whoever still writes over there finds nobody who reads. */
  hangUp(): void;
  /** Ends its process group over there, as far as that can be reached. */
  end(): Promise<void>;
}

const longestNoise = 65_536;

interface Opening {
  readonly stream: Transform;
  readonly pid: () => string | undefined;
}

/** Takes off what a login shell printed, up to the marker's line. */
function afterMarker(marker: string): Opening {
  let waiting: Buffer | undefined = Buffer.alloc(0);
  let pid: string | undefined;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (waiting === undefined) return done(null, chunk);
      waiting = Buffer.concat([waiting, chunk]);
      const start = waiting.indexOf(marker);
      const end = start < 0 ? -1 : waiting.indexOf('\n', start);
      if (end < 0) {
        if (start < 0) waiting = waiting.subarray(Math.max(0, waiting.length - longestNoise));
        return done();
      }
      pid = waiting.toString('utf8', start + marker.length, end).trim();
      const rest = waiting.subarray(end + 1);
      waiting = undefined;
      return done(null, rest);
    },
  });
  return { stream, pid: () => pid };
}

/** `process`: a `streamShell` that waits for its script. */
export function openStreams(run: ScriptRun, process: ScriptProcess, endGroup: EndGroup): ByteStreams {
  const startedAt = performance.now();
  const marker = `portoser-${randomBytes(8).toString('hex')}`;
  const errors = createTail(65_536);
  const opening = afterMarker(marker);
  const script = Buffer.from(`echo ${marker} $$\n${run.script}`);
  process.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  // How it ended is told by its exit code alone; a stream that breaks must not throw.
  for (const stream of [process.stdin, process.stdout, process.stderr, opening.stream])
    stream.on('error', () => undefined);
  process.stdout.pipe(opening.stream);
  process.stdin.write(`${script.length}\n`);
  process.stdin.write(script);
  const ended = process.closed.then(({ code, lost }): CommandResult => {
    process.abandon();
    return {
      machine: run.machine,
      display: run.display,
      code,
      stdout: '',
      stderr: errors.text(),
      durationMs: Math.round(performance.now() - startedAt),
      timedOut: false,
      lost,
      truncated: errors.truncated,
    };
  });
  const hangUp = (): void => {
    // A channel is closed only when all that came over it was read.
    process.stdout.unpipe(opening.stream);
    process.stdout.resume();
    process.abandon();
    opening.stream.end();
    opening.stream.resume();
  };
  return {
    input: process.stdin,
    output: opening.stream,
    ended,
    hangUp,
    end: async () => {
      await endByPid(endGroup, opening.pid);
      hangUp();
    },
  };
}
