// What came by webhooks, newest first, as history keeps it.
import type { Delivery } from '../../schema/webhooks.js';
import type { Operation } from './operation.js';
import { integer, object } from './parts/shape.js';

const input = object({ limit: integer('How many at most', 1, 10_000) });

export const webhooks: Operation<typeof input, readonly Delivery[]> = {
  name: 'webhooks',
  summary: 'What came by webhooks, and what became of it',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { limit = 100 }) => await ports.store.deliveries(limit),
};
