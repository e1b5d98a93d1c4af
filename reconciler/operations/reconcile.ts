// One whole pass over everything: what `run` makes again and again.
import type { PassReport } from '../../schema/status.js';
import { runPass } from '../loop/pass.js';
import { recorded } from '../loop/record.js';
import type { Operation } from './operation.js';
import { object } from './parts/shape.js';

const input = object({});

export const reconcile: Operation<typeof input, PassReport> = {
  name: 'reconcile',
  summary: 'One pass: look, plan, apply, verify',
  effect: 'changes',
  role: 'operator',
  input,
  run: async context => {
    const release = await context.ports.state.lock();
    try {
      return await runPass(recorded(context), {
        trigger: `once by ${context.actor.name}`,
        from: 'commit',
        check: true,
      });
    } finally {
      await release();
    }
  },
};
