// One operation behind its address: who asks, what for, and until when; answered at once, or line by line.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor, Progress } from '../reconciler/engine.js';
import { AppError } from '../schema/errors.js';
import type { Redactor } from '../schema/redact.js';
import { answerInLines, asksForLines, linesType } from './lines.js';
import { readQuery, type Route } from './routes/route.js';
import { endless } from './routes/table.js';
import type { SharedStatus } from './shared-status.js';
import { whileAsked } from './while-asked.js';

export interface RouteParts extends SharedStatus {
  /** The JSON of a status, masked. */
  readonly write: (answer: object) => string;
  readonly onFault: (error: AppError) => void;
  readonly redactor: Redactor;
  readonly stopping: AbortSignal;
}

type Input = Readonly<Record<string, unknown>>;
type Tell = (progress: Progress) => void;

export function serveRoute(server: FastifyInstance, route: Route, parts: RouteParts): void {
  const { method, url, role, effect, operation, params, rest, restIn } = route;
  server.route({
    method,
    url,
    config: { needs: role, ...(effect === 'changes' ? { changes: operation } : {}) },
    schema: { params, [restIn]: rest },
    preValidation: async request => {
      if (restIn === 'body') request.body ??= {};
      else request.query = readQuery(request.query as Record<string, unknown>, rest);
    },
    handler: operation === 'status' ? answerStatus : answer,
  });

  async function perform(request: FastifyRequest, reply: FastifyReply, tell?: Tell): Promise<unknown> {
    const input = inputOf(request, route);
    if (tell === undefined && input[endless] === true)
      throw new AppError('request-invalid', `\`${endless}\` has no one answer`, { hint: `Accept ${linesType}.` });
    const work = (signal: AbortSignal): Promise<unknown> =>
      parts.perform(operation, input, actorOf(request), signal, tell);
    // What changes something is never left half done, whoever goes away.
    return await (effect === 'reads' ? whileAsked(reply, parts.stopping, work) : work(parts.stopping));
  }

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (!asksForLines(request)) return await perform(request, reply);
    return await answerInLines({ ...parts, reply }, tell => perform(request, reply, tell));
  }

  async function answerStatus(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const status = parts.known() ?? (await perform(request, reply));
    return reply.type('application/json; charset=utf-8').send(parts.write(status as object));
  }
}

function inputOf({ params, query, body }: FastifyRequest, { restIn }: Route): Input {
  return { ...(params as object), ...((restIn === 'body' ? body : query) as object) };
}

function actorOf({ asker, ip }: FastifyRequest): Actor {
  const { name = '', id } = asker ?? {};
  return { name, by: 'api', from: ip, ...(id === undefined ? {} : { token: id }) };
}
