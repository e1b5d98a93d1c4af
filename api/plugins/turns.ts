// Requests take turns with the engine: however many are asked at once, what a run waits for comes between any few of them.
import type { FastifyInstance } from 'fastify';
import { shareTurns } from '../turns.js';

/** Requests that begin in one turn of the event loop. */
const most = 2;

export function takeTurns(server: FastifyInstance): void {
  const inTurn = shareTurns(most);
  server.addHook('onRequest', (_request, _reply, begin) => inTurn(begin));
}
