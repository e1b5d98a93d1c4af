// The deployments that there were, newest first.
import type { Deployment } from '../../schema/history.js';
import type { Operation } from './operation.js';
import { integer, object, text } from './parts/shape.js';

const input = object({
  service: text('Only of this service, or of service@machine'),
  machine: text('Only on this machine'),
  limit: integer('How many at most', 1, 10_000),
});

export const historyList: Operation<typeof input, readonly Deployment[]> = {
  name: 'history.list',
  summary: 'Deployments, newest first',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { limit = 20, ...asked }) => await ports.store.deployments({ ...asked, limit }),
};
