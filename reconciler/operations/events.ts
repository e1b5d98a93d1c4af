// What happened, oldest first: the newest events, or those after one.
import type { HistoryEvent } from '../../schema/history.js';
import type { Operation } from './operation.js';
import { integer, object, text } from './parts/shape.js';

const input = object({
  since: integer('Milliseconds since 1970; from then on', 0, Number.MAX_SAFE_INTEGER),
  after: text('Id of an event; only what was kept after it'),
  service: text('Only of this service, or of service@machine'),
  machine: text('Only on this machine'),
  limit: integer('How many at most', 1, 10_000),
});

export const events: Operation<typeof input, readonly HistoryEvent[]> = {
  name: 'events',
  summary: 'What happened',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports }, { limit = 100, ...asked }) => await ports.store.events({ ...asked, limit }),
};
