// The WebSockets of the API: `/ws` and `/api/metrics/ws`, behind the same door as every other route.
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Engine } from '../../reconciler/engine.js';
import { AppError } from '../../schema/errors.js';
import { liveLimits, type LiveLimits, liveProtocol } from '../../schema/live-messages.js';
import { openHub } from '../live/hub.js';
import type { Auth } from './access.js';

export interface LiveParts {
  readonly engine: Pick<Engine, 'perform' | 'describe' | 'listen' | 'redactor'>;
  readonly auth: Auth;
  readonly onFault: (error: AppError) => void;
  readonly limits?: Partial<LiveLimits> | undefined;
}

const metricsQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { machine: { type: 'string', minLength: 1, maxLength: 200 } },
  required: [],
} as const;

/** The token that a browser may have to offer beside it is never said back. */
const handleProtocols = (offered: Set<string>): string | false => (offered.has(liveProtocol) ? liveProtocol : false);

const plainRequest = (): never => {
  throw new AppError('request-invalid', 'this address is for a WebSocket');
};

/** Call it before all hooks: what one of them refuses would else stay connected. */
export async function acceptSockets(server: FastifyInstance, limits: Partial<LiveLimits> = {}): Promise<void> {
  const { messageBytes: maxPayload } = { ...liveLimits, ...limits };
  await server.register(websocket, {
    options: { maxPayload, handleProtocols },
    // The hub has ended them, and what breaks a connection closes it.
    preClose: done => done(),
    errorHandler: () => undefined,
  });
}

/** `stopping` ends every client with 1001. */
export function serveLive(server: FastifyInstance, parts: LiveParts, stopping: AbortSignal): void {
  const { engine, auth, onFault, limits } = parts;
  const tokens = auth === 'none' ? undefined : () => auth.tokens.list();
  const hub = openHub({ engine, onFault, tokens, limits });
  stopping.addEventListener('abort', () => hub.close(), { once: true });
  const connected = (request: FastifyRequest) => {
    if (request.asker === undefined) throw new TypeError('a WebSocket was opened for nobody');
    return [request.socket, request.asker] as const;
  };
  const config = { needs: 'viewer', live: true } as const;
  server.route({
    method: 'GET',
    url: '/ws',
    config,
    handler: plainRequest,
    wsHandler: (socket, request) => hub.connect(socket, ...connected(request)),
  });
  server.route({
    method: 'GET',
    url: '/api/metrics/ws',
    config,
    schema: { querystring: metricsQuery },
    handler: plainRequest,
    wsHandler: (socket, request) =>
      hub.connect(socket, ...connected(request), request.query as { readonly machine?: string }),
  });
}
