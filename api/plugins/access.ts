// Who asks, and whether they may: denied unless a route says otherwise.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { allows, type Role, type TokenBook } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';
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
  }
}

/** `none`: whoever reaches the address is an admin; for the loopback alone. */
export type Auth = 'none' | { readonly tokens: Pick<TokenBook, 'find' | 'list'> };

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

async function askerOf(request: FastifyRequest, auth: Auth): Promise<Asker> {
  if (auth === 'none') {
    refuseOtherPages(request);
    return local;
  }
  if (request.routeOptions.config.live === true) refuseOtherOrigins(request);
  const token = tokenOf(request);
  if (token === undefined) throw new AppError('token-missing', 'the request has no token');
  const found = await auth.tokens.find(token);
  if (found === undefined)
    throw new AppError('token-missing', 'the token is not known here, was revoked, or has expired');
  return found;
}

export function guardAccess(server: FastifyInstance, auth: Auth): void {
  server.decorateRequest('asker', undefined);
  server.addHook('onRequest', async (request, reply) => {
    const { needs } = request.routeOptions.config;
    if (request.is404 || needs === 'nobody') return;
    try {
      request.asker = await askerOf(request, auth);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'token-missing') reply.header('www-authenticate', 'Bearer');
      throw thrown;
    }
    const { role } = request.asker;
    if (needs === undefined || !allows(role, needs))
      throw new AppError('role-missing', `this needs the role ${needs ?? 'of nobody'}, and the token has ${role}`);
  });
}
