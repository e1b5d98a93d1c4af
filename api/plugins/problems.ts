// Every failure as problem details (RFC 9457), with the catalogue's code and hint.
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { AppError, asAppError, catalogue, type ErrorReport } from '../../schema/errors.js';

export interface Problem extends Omit<ErrorReport, 'message'> {
  /** Where the code is explained. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

export function problemOf(error: AppError, status: number = catalogue[error.code].status): Problem {
  const { message, ...report } = error.report();
  const { title } = catalogue[error.code];
  // What broke is for the log: it may name what is nobody's business.
  const detail = error.code === 'internal' ? 'The log of the controller tells more.' : message;
  return { type: `/api/docs#${error.code}`, title, status, detail, ...report };
}

export function sendProblem(reply: FastifyReply, error: AppError, status?: number): FastifyReply {
  const problem = problemOf(error, status);
  return reply.code(problem.status).type('application/problem+json; charset=utf-8').send(problem);
}

const partNames: Readonly<Record<string, string>> = { querystring: 'query', params: 'address', headers: 'headers' };

/** Names what was not expected, which the schema's own message does not. */
function invalidText({ validation = [], validationContext = 'body', message }: FastifyError): string {
  const [first] = validation;
  if (first === undefined) return message;
  const place = `${partNames[validationContext] ?? validationContext}${first.instancePath}`;
  const extra = first.params['additionalProperty'] ?? first.params['allowedValues'] ?? [];
  const named = [extra].flat().map(String).join(', ');
  return `${place} ${first.message ?? 'is not valid'}${named === '' ? '' : `: ${named}`}`;
}

/** Fastify's own refusals keep their status (413, 415, …). */
function refusalOf(thrown: unknown): { readonly error: AppError; readonly status?: number } {
  const { statusCode: status = 500, ...own } = thrown as Partial<FastifyError>;
  if (thrown instanceof AppError || status >= 500 || !(thrown instanceof Error)) return { error: asAppError(thrown) };
  const message = own.validation === undefined ? thrown.message : invalidText(thrown as FastifyError);
  return { error: new AppError('request-invalid', message, { cause: thrown }), status };
}

export function tellProblems(server: FastifyInstance, onFault: (error: AppError) => void): void {
  server.setErrorHandler((thrown, _, reply) => {
    const { error, status } = refusalOf(thrown);
    if (error.code === 'internal') onFault(error);
    const { retryAfterSeconds } = error.details;
    if (typeof retryAfterSeconds === 'number') reply.header('retry-after', String(retryAfterSeconds));
    return sendProblem(reply, error, status);
  });
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new AppError('route-unknown', `${request.method} ${request.url.split('?')[0] ?? ''}`)),
  );
}
