// Answers for who asks for JSON lines: how it goes, a line each, and last what came of it.
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Progress } from '../reconciler/engine.js';
import { AppError, asAppError } from '../schema/errors.js';
import type { Redactor } from '../schema/redact.js';
import { type Problem, problemOf } from './plugins/problems.js';

/** JSON lines have no registered type; this is what they are served as (https://github.com/ndjson/ndjson-spec). */
export const linesType = 'application/x-ndjson';

/** The last line is an answer or a problem; where there is neither, the connection was cut. */
export type ToldLine = { readonly progress: Progress } | { readonly answer: unknown } | { readonly problem: Problem };

/** Whoever reads more slowly is cut off: what is told must not pile up. */
const mostWaitingBytes = 4 * 1024 * 1024;

export function asksForLines({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').split(',').some(one => one.split(';')[0]?.trim() === linesType);
}

function openLines(reply: FastifyReply): { begun(): boolean; write(line: ToldLine): void; end(): void } {
  const stream = new PassThrough();
  let begun = false;
  return {
    begun: () => begun,
    write: line => {
      // Before there is something to tell nothing is sent, so that what is refused at once has its own status.
      if (!begun) void reply.type(linesType).header('x-accel-buffering', 'no').send(stream);
      begun = true;
      if (stream.destroyed) return;
      if (stream.writableLength > mostWaitingBytes)
        stream.destroy(new AppError('interrupted', 'what was told was not read'));
      else stream.write(`${JSON.stringify(line)}\n`);
    },
    end: () => stream.end(),
  };
}

export interface LinesParts {
  readonly reply: FastifyReply;
  readonly redactor: Redactor;
  readonly onFault: (error: AppError) => void;
}

/** Progress comes masked; what `work` answers is masked here. One that tells nothing on its way is answered as for everybody else. */
export async function answerInLines(
  { reply, redactor, onFault }: LinesParts,
  work: (tell: (progress: Progress) => void) => Promise<unknown>,
): Promise<unknown> {
  const lines = openLines(reply);
  try {
    const answer = await work(progress => lines.write({ progress }));
    if (!lines.begun()) return answer;
    lines.write({ answer: redactor.value(answer) });
  } catch (thrown) {
    if (!lines.begun()) throw thrown;
    const error = asAppError(thrown);
    if (error.code === 'internal') onFault(error);
    lines.write({ problem: redactor.value(problemOf(error)) });
  }
  lines.end();
  return reply;
}
