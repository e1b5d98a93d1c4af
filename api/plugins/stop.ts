// The orderly end: requests under way are told, answered, and only then cut off.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../schema/errors.js';

const graceMs = 10_000;

/** Fires when the server is closed; `close()` then waits for the answers, for at most 10 s. */
export function endRequests(server: FastifyInstance): AbortSignal {
  const stopping = new AbortController();
  const open = new Set<unknown>();
  let allAnswered = (): void => undefined;
  server.addHook('onRequest', async (_, reply) => {
    open.add(reply.raw);
    reply.raw.once('close', () => {
      open.delete(reply.raw);
      if (open.size === 0) allAnswered();
    });
  });
  server.addHook('preClose', async () => {
    stopping.abort(new AppError('interrupted', 'the controller is being stopped'));
    if (open.size === 0) return;
    const answered = new Promise<void>(resolve => (allAnswered = resolve));
    await Promise.race([answered, sleep(graceMs, undefined, { ref: false })]);
  });
  return stopping.signal;
}
