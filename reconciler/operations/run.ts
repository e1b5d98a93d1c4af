// The controller: reconciles until it is stopped. One at a time uses a state folder.
import { runController } from '../loop/turn.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object({});

export const run: Operation<typeof input, { readonly stopped: true }> = {
  name: 'run',
  summary: 'Keep the machines as the repository says, until stopped',
  effect: 'changes',
  role: 'admin',
  input,
  run: async context => {
    const release = await context.ports.state.lock();
    try {
      await runController(context, {});
      return { stopped: true };
    } finally {
      await release();
    }
  },
};
