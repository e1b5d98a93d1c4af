// Who asks, and whether they may: denied unless a route says otherwise.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { allows, type Role, type TokenBook } from '../../schema/access.js';
import { AppError } from '../../schema/errors.js';

export interface Asker {
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
  }
}

/** `none`: whoever reaches the address is an admin; for the loopback alone. */
export type Auth = 'none' | { readonly tokens: Pick<TokenBook, 'find'> };

const local: Asker = { name: 'local', role: 'admin' };
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** Any page that a browser on this machine shows could send requests here, also by a name of its own that leads here. */
function refuseOtherPages({ headers: { host = '', origin } }: FastifyRequest): void {
  if (!loopbackHost.test(host)) throw new AppError('origin-refused', `the request was for ${host || 'no name'}`);
  if (origin !== undefined && origin !== `http://${host}`)
    throw new AppError('origin-refused', `the request came from ${origin}`);
}

async function askerOf(request: FastifyRequest, auth: Auth): Promise<Asker> {
  if (auth === 'none') {
    refuseOtherPages(request);
    return local;
  }
  const written = request.headers.authorization;
  if (written === undefined) throw new AppError('token-missing', 'the request has no token');
  const [, token = ''] = /^Bearer +([\w-]{1,200})$/i.exec(written) ?? [];
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
