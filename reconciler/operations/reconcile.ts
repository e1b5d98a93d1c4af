// One whole pass over everything: what `run` makes again and again.
import type { PassReport } from '../../schema/status.js';
import { runPass } from '../loop/pass.js';
import { recorded } from '../loop/record.js';
import type { Operation } from './operation.js';
import { isController, waitsForAll } from './parts/controller.js';
import { object } from './parts/shape.js';

const input = object({});

export const reconcile: Operation<typeof input, PassReport> = {
  name: 'reconcile',
  summary: 'One pass: look, plan, apply, verify',
  effect: 'changes',
  role: 'operator',
  // What a pass did before it broke is done.
  failed: ({ outcomes, error }) => (outcomes.length === 0 ? error : undefined),
  input,
  run: async context => {
    const { state } = context.ports;
    // A controller has its own folder already.
    const release = (await isController(context.ports)) ? async () => undefined : await state.lock();
    try {
      return await runPass(recorded(context), {
        trigger: `once by ${context.actor.name}`,
        from: 'commit',
        check: true,
        toTheEnd: waitsForAll(context.actor),
      });
    } finally {
      await release();
    }
  },
};
