// Work that only reads ends when whoever asked for it has gone away, or the server is stopped.
import type { FastifyReply } from 'fastify';
import { AppError } from '../schema/errors.js';
import { joinSignals } from '../schema/joined-signal.js';

/** Throws `interrupted` at once, whether the work ends by its signal or not. */
export function whileAsked<T>(
  reply: FastifyReply,
  stopping: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new AppError('interrupted', 'who asked has gone away')));
  const { signal, part } = joinSignals(stopping, gone.signal);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work(signal).then(resolve, reject).finally(part);
  });
}
