// The HTTP API: every operation of the engine by its route. Built here, listening is for who builds it.
import { fastify, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Engine } from '../reconciler/engine.js';
import type { AppError } from '../schema/errors.js';
import { type LiveLimits, liveLimits } from '../schema/live-messages.js';
import { serveHooks } from './hooks/route.js';
import { type Auth, guardAccess, learning } from './plugins/access.js';
import { answerBrokenRequest } from './plugins/broken-request.js';
import { guardHeaders } from './plugins/headers.js';
import { createLimits, type LimitOptions } from './plugins/limits.js';
import { acceptSockets, serveLive } from './plugins/live.js';
import { maskSecrets } from './plugins/mask.js';
import { tellProblems } from './plugins/problems.js';
import { endRequests } from './plugins/stop.js';
import { takeTurns } from './plugins/turns.js';
import { checkInputs } from './plugins/validation.js';
import { docsPage, docsPolicy } from './routes/docs.js';
import { exposition, expositionType, processMeasures } from './routes/exposition.js';
import { readRoutes, type Route } from './routes/route.js';
import { serveRoute } from './serve-route.js';
import { type Freshness, shareStatus, writeOnce } from './shared-status.js';
import { whileAsked } from './while-asked.js';

export interface ServerParts {
  readonly engine: Pick<Engine, 'perform' | 'describe' | 'listen' | 'refused' | 'redactor'>;
  readonly auth: Auth;
  readonly version: string;
  /** What webhooks may be signed with; none: they are not taken. */
  readonly webhookSecrets?: readonly string[];
  /** Whether the controller has made its first pass. */
  readonly ready: () => boolean;
  /** Told of what is a bug of ours; who asked learns no more than that. */
  readonly onFault: (error: AppError) => void;
  /** For tests of what is bounded. */
  readonly liveLimits?: Partial<LiveLimits>;
  readonly limits?: LimitOptions;
  readonly freshness?: Freshness;
  readonly timeouts?: { readonly requestMs: number; readonly headersMs: number; readonly lookEveryMs: number };
}

const bodyLimit = 1024 * 1024;

/** Nobody waits longer for a request to come in; an answer may take longer, so that silence alone ends no connection. */
const requestTimeout = 30_000;
const headersTimeout = 10_000;
const maxHeaderSize = 16 * 1024;
/** How often it is looked who is too slow. */
const connectionsCheckingInterval = 2_000;
/** Those who follow (`liveLimits.connections`), and as many again who ask. */
const mostConnections = 2 * liveLimits.connections;

function bare({ timeouts }: ServerParts): FastifyInstance {
  const server = fastify({
    bodyLimit,
    requestTimeout: timeouts?.requestMs ?? requestTimeout,
    http: {
      maxHeaderSize,
      headersTimeout: timeouts?.headersMs ?? headersTimeout,
      connectionsCheckingInterval: timeouts?.lookEveryMs ?? connectionsCheckingInterval,
    },
    clientErrorHandler: answerBrokenRequest,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512 },
  });
  server.removeContentTypeParser('text/plain');
  server.server.maxConnections = mostConnections;
  return server;
}

function servePages(
  server: FastifyInstance,
  parts: ServerParts,
  routes: readonly Route[],
  write: (answer: object) => string,
): void {
  const config = { needs: 'nobody' } as const;
  let document: Promise<object> | undefined; // when it is asked for: the schemas of all answers are some memory
  const page = docsPage(routes, parts.version);
  server.get('/api/openapi.json', { config }, async (_: FastifyRequest, reply) => {
    document ??= import('./routes/openapi.js').then(({ openApi }) => openApi(routes, parts.version));
    return reply.type('application/json; charset=utf-8').send(write(await document));
  });
  server.get('/api/docs', { config }, (_: FastifyRequest, reply) =>
    reply.header('content-security-policy', docsPolicy).type('text/html; charset=utf-8').send(page),
  );
  server.get('/healthz', { config }, () => ({ status: 'ok' }));
  server.get('/readyz', { config }, (_: FastifyRequest, reply) =>
    parts.ready() ? { status: 'ready' } : reply.code(503).send({ status: 'starting' }),
  );
}

/** For Prometheus, which sends a token of a viewer: it tells names of machines and services. */
function serveMeasures(server: FastifyInstance, { engine, version }: ServerParts, stopping: AbortSignal): void {
  server.get('/metrics', { config: { needs: 'viewer' } }, async (request, reply) => {
    const actor = { name: request.asker?.name ?? '', by: 'api' } as const;
    const measures = await whileAsked(reply, stopping, signal => engine.perform('measures', {}, actor, signal));
    // A text is no answer that the mask of all others looks at.
    const told = engine.redactor.value([...measures, ...processMeasures(version, Date.now())]);
    return reply.type(expositionType).send(exposition(told));
  });
}

/** Does not listen. `close()` lets what machines are in the middle of come to its end, for a while. */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const server = bare(parts);
  await acceptSockets(server, parts.liveLimits);
  const stopping = endRequests(server);
  takeTurns(server);
  checkInputs(server);
  guardHeaders(server);
  guardAccess(server, {
    auth: learning(parts.auth, parts.engine.redactor),
    limits: createLimits(parts.limits),
    refused: parts.engine.refused,
  });
  maskSecrets(server, parts.engine.redactor);
  tellProblems(server, parts.onFault);
  serveLive(server, { ...parts, limits: parts.liveLimits }, stopping);
  const routes = await readRoutes(parts.engine);
  const { onFault } = parts;
  const { redactor } = parts.engine;
  const status = shareStatus(parts.engine, stopping, parts.freshness);
  const write = writeOnce(redactor);
  for (const route of routes) serveRoute(server, route, { ...status, write, onFault, redactor, stopping });
  servePages(server, parts, routes, write);
  serveMeasures(server, parts, stopping);
  await serveHooks(server, { engine: parts.engine, secrets: parts.webhookSecrets ?? [] });
  await server.ready();
  return server;
}
