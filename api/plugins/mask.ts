// No answer holds a secret, problems included: what is known of them is masked before an answer becomes JSON.
import type { FastifyInstance } from 'fastify';
import type { Redactor } from '../../schema/redact.js';

export function maskSecrets(server: FastifyInstance, redactor: Redactor): void {
  server.addHook('preSerialization', async (_request, _reply, payload) => redactor.value(payload));
}
