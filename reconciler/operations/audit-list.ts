// Who did what, from where, why, with which result: the newest deeds, oldest first.
import type { AuditDeed } from '../../schema/audit.js';
import { newestDeeds } from '../loop/copy-audit.js';
import type { Operation } from './operation.js';
import { integer, object, text } from './parts/shape.js';

const input = object({
  since: integer('Milliseconds since 1970; from then on', 0, Number.MAX_SAFE_INTEGER),
  actor: text('Name of who did it, or id of their token'),
  limit: integer('How many at most', 1, 10_000),
});

export const auditList: Operation<typeof input, readonly AuditDeed[]> = {
  name: 'audit.list',
  summary: 'Who did what, and who was refused',
  effect: 'reads',
  role: 'admin',
  input,
  run: async ({ ports }, { limit = 100, ...asked }) => await newestDeeds(ports, { ...asked, limit }),
};
