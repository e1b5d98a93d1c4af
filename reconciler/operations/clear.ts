// Lets a revision that failed be tried again by the next pass.
import { type Cleared, clearFailed } from '../loop/clear.js';
import { sync } from '../loop/sync.js';
import type { Operation } from './operation.js';
import { needPlacements, needRegistry } from './parts/names.js';
import { object, text } from './parts/shape.js';

const input = object({ placement: text('service@machine, or a service for all its machines') }, ['placement']);

export const clear: Operation<typeof input, readonly Cleared[]> = {
  name: 'clear',
  summary: 'Try a revision again that failed',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports, lists }, { placement }) => {
    const synced = await sync(ports, { from: ports.source.git === undefined ? 'files' : 'commit' });
    return await clearFailed(ports, lists, synced, needPlacements(needRegistry(synced), placement));
  },
};
