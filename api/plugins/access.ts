// Who asks, and whether they may: denied unless a route says otherwise.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { OperationName, Refusal } from '../../reconciler/engine.js';
import { allows, type Role, type TokenBook } from '../../schema/access.js';
import { type Limits, placeOf } from './limits.js';
import type { Redactor } from '../../schema/redact.js';
import { AppError, asAppError } from '../../schema/errors.js';
import { tokenProtocol } from '../../schema/live-messages.js';

export interface Asker {
  /** Of the token; absent: none was needed. */
  readonly id?: string;
  readonly name: string;
  readonly role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    asker: Asker | undefined;
  }
  interface FastifyContextConfig {
    /** What one must be to ask; absent: nobody may. */
    readonly needs?: Role | 'nobody';
    /** A WebSocket: a browser can set no header there, and may send one from any page. */
    readonly live?: true;
    /** The operation, where it changes something: who is refused is told to the audit log. */
    readonly changes?: OperationName;
  }
}

/** `none`: whoever reaches the address is an admin; for the loopback alone. */
export type Auth = 'none' | { readonly tokens: Pick<TokenBook, 'find' | 'list'> };

/** The same, and a token that lets somebody in is known as a secret from then on. */
export function learning(auth: Auth, redactor: Redactor): Auth {
  if (auth === 'none') return auth;
  const find: TokenBook['find'] = async token => {
    const found = await auth.tokens.find(token);
    const [, secret] = /^portoser_[0-9a-f]{16}_([\w-]{43})$/.exec(token) ?? [];
    if (found !== undefined && secret !== undefined) redactor.learn([{ value: token }, { value: secret }]);
    return found;
  };
  return { tokens: { find, list: auth.tokens.list } };
}

const local: Asker = { name: 'local', role: 'admin' };
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** Any page that a browser on this machine shows could send requests here, also by a name of its own that leads here. */
function refuseOtherPages({ headers: { host = '', origin } }: FastifyRequest): void {
  if (!loopbackHost.test(host)) throw new AppError('origin-refused', `the request was for ${host || 'no name'}`);
  if (origin !== undefined && origin !== `http://${host}`)
    throw new AppError('origin-refused', `the request came from ${origin}`);
}

/** A page may open one to where it came from itself; what is no browser says no origin. */
function refuseOtherOrigins({ headers: { host = '', origin } }: FastifyRequest): void {
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return;
  throw new AppError('origin-refused', `the request came from ${origin}`, {
    hint: 'Open it from a page of the same address.',
  });
}

/** From the header; for a WebSocket also from what it offers as protocols, and never from the address, which logs keep. */
function tokenOf({ headers, routeOptions }: FastifyRequest): string | undefined {
  const { authorization, 'sec-websocket-protocol': offered = '' } = headers;
  if (authorization !== undefined) return /^Bearer +([\w-]{1,200})$/i.exec(authorization)?.[1] ?? '';
  if (routeOptions.config.live !== true) return undefined;
  const protocols = offered.split(',').map(one => one.trim());
  const token = protocols.find(one => one.startsWith(tokenProtocol))?.slice(tokenProtocol.length);
  return token === undefined || /^[\w-]{1,200}$/.test(token) ? token : '';
}

export interface Access {
  readonly auth: Auth;
  readonly limits: Limits;
  /** Told of whoever asked for what changes something, and was not let in. */
  readonly refused: (refusal: Refusal) => void;
}

async function askerOf(request: FastifyRequest, { auth, limits }: Access): Promise<Asker> {
  if (auth === 'none') {
    refuseOtherPages(request);
    limits.letIn(`address ${placeOf(request.ip)}`);
    return local;
  }
  if (request.routeOptions.config.live === true) refuseOtherOrigins(request);
  const token = tokenOf(request);
  if (token === undefined) throw new AppError('token-missing', 'the request has no token');
  limits.mayTry(request.ip, token);
  const found = await auth.tokens.find(token);
  if (found === undefined) {
    limits.wrong(request.ip);
    throw new AppError('token-missing', 'the token is not known here, was revoked, or has expired');
  }
  limits.letIn(`token ${found.id}`, token);
  return found;
}

function refusalOf({ asker, ip }: FastifyRequest, what: OperationName, thrown: unknown): Refusal {
  const { code, message } = asAppError(thrown);
  const who = asker === undefined ? {} : { who: { ...whoOf(asker) } };
  return { ...who, from: ip, what, code, message };
}

const whoOf = ({ name, id }: Asker) => ({ name, by: 'api', ...(id === undefined ? {} : { token: id }) }) as const;

async function letIn(request: FastifyRequest, access: Access): Promise<void> {
  const { needs } = request.routeOptions.config;
  request.asker = await askerOf(request, access);
  const { role } = request.asker;
  if (needs === undefined || needs === 'nobody' || !allows(role, needs))
    throw new AppError('role-missing', `this needs the role ${needs ?? 'of nobody'}, and the token has ${role}`);
}

export function guardAccess(server: FastifyInstance, access: Access): void {
  server.decorateRequest('asker', undefined);
  server.addHook('onRequest', async (request, reply) => {
    const { needs, changes } = request.routeOptions.config;
    if (request.is404 || needs === 'nobody') return;
    try {
      await letIn(request, access);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'token-missing') reply.header('www-authenticate', 'Bearer');
      if (changes !== undefined) access.refused(refusalOf(request, changes, thrown));
      throw thrown;
    }
  });
}
