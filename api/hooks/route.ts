// `POST /hooks/git`: a webhook of any forge. Who sent it is told by its signature; what it says is only a hint where to look.
import type { IncomingMessage } from 'node:http';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Engine } from '../../reconciler/engine.js';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Forge, HookAnswer } from '../../schema/webhooks.js';
import { sendProblem } from '../plugins/problems.js';
import { collect, type Gate, mostBytes, openGate, refusal, sizeOf } from './body.js';
import type { ForgeHook } from './forge.js';
import { forgeOf } from './index.js';
import { readPayload } from './payload.js';

export const hooksUrl = '/hooks/git';

export interface HookParts {
  readonly engine: Pick<Engine, 'perform' | 'refused'>;
  /** None: webhooks are not taken. */
  readonly secrets: readonly string[];
}

/** A push of a hundred commits still fits; 4 MiB together with the long ones. */
const short = { bytes: 64 * 1024, places: 16, waiting: 64 };
const long = { bytes: mostBytes, places: 3, waiting: 64 };
const bodyMs = 5_000;
/** From one address; behind a proxy that is all of them. A forge with a push every second stays far below. */
const mostPerMinute = 600;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a webhook: gives back the room that its body takes. */
    leaveGate: (() => void) | undefined;
  }
}

/** Only words of ours: what an unknown sender wrote is kept nowhere. */
async function refuse({ engine }: HookParts, forge: Forge, from: string, error: AppError): Promise<void> {
  const { code, message } = error;
  engine.refused({ from, what: 'hook', code, message });
  try {
    await engine.perform('hook', { forge, refused: message }, { name: forge, by: 'api', from }, never);
  } catch (thrown) {
    if (asAppError(thrown).code !== 'webhook-away') throw thrown;
  }
}

const never = new AbortController().signal;

function checkSender(hook: ForgeHook, request: FastifyRequest, secrets: readonly string[]): void {
  const fits = hook.fits(request.headers, request.body as Buffer, secrets);
  const place = hook.signedIn.join(' or ');
  if (fits === undefined) throw new AppError('webhook-refused', `there is no signature in ${place}`);
  if (!fits) throw new AppError('webhook-refused', `the signature in ${place} fits none of the secrets`);
}

async function take(parts: HookParts, request: FastifyRequest): Promise<HookAnswer> {
  const hook = forgeOf(request.headers);
  checkSender(hook, request, parts.secrets);
  const body = request.body as Buffer;
  const payload = body.length === 0 ? {} : readPayload(body, request.headers['content-type']);
  const { repositories, branches, ...more } = hook.read(request.headers, payload);
  const hint = { forge: hook.forge, repositories: [...repositories], branches: [...branches], ...more };
  return await parts.engine.perform('hook', hint, { name: hook.forge, by: 'api', from: request.ip }, never);
}

/** Everything about the body is ours: Fastify would read it before anybody looked at its headers, and parse it before its signature. */
function readRaw(scope: FastifyInstance, gate: Gate): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', async (request: FastifyRequest, stream: IncomingMessage) => {
    const place = await gate.enter(sizeOf(request.raw));
    request.leaveGate = place.leave;
    try {
      return await collect(stream, place.bytes, bodyMs);
    } catch (thrown) {
      request.leaveGate();
      throw thrown;
    }
  });
  scope.addHook('onResponse', async request => request.leaveGate?.());
  scope.addHook('onRequestAbort', async request => request.leaveGate?.());
}

function tellRefusals(scope: FastifyInstance, parts: HookParts): void {
  scope.setErrorHandler(async (thrown, request, reply) => {
    const error = asAppError(thrown);
    if (error.code === 'internal' || error.code === 'webhook-off' || error.code === 'webhook-away') throw thrown;
    await refuse(parts, forgeOf(request.headers).forge, request.ip, error);
    // What was not read of the body is not read any more.
    void reply.header('connection', 'close');
    const { status } = error.details;
    return sendProblem(reply, error, typeof status === 'number' ? status : undefined);
  });
}

export async function serveHooks(server: FastifyInstance, parts: HookParts): Promise<void> {
  server.decorateRequest('leaveGate', undefined);
  await server.register(async scope => {
    await scope.register(rateLimit, {
      max: mostPerMinute,
      timeWindow: 60_000,
      addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
      addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
      errorResponseBuilder: () =>
        refusal(429, `more than ${mostPerMinute} webhooks came from one address within a minute`),
    });
    if (parts.secrets.length === 0)
      scope.addHook('onRequest', async () => {
        throw new AppError('webhook-off', 'no secret is set, so nobody can say who sent this');
      });
    tellRefusals(scope, parts);
    readRaw(scope, openGate(short, long));
    scope.post(hooksUrl, { config: { needs: 'nobody' } }, async (request: FastifyRequest, reply: FastifyReply) => {
      const answer = await take(parts, request);
      return await reply.code(answer.verdict === 'ignored' ? 200 : 202).send(answer);
    });
  });
}
