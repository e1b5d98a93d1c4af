// Notes that a person approved a plan; the next pass applies it when it is still the same.
import { AppError } from '../../schema/errors.js';
import type { Operation } from './operation.js';
import { sayApproved } from './parts/said.js';
import { object, text } from './parts/shape.js';

const input = object({ plan: text('Id of the plan') }, ['plan']);

export interface Approved {
  readonly plan: string;
  readonly by: string;
  readonly at: number;
  /** A controller that uses another state folder does not see it. */
  readonly stateFolder: string;
}

export const approve: Operation<typeof input, Approved> = {
  name: 'approve',
  summary: 'Approve a plan that is held',
  effect: 'changes',
  role: 'operator',
  input,
  run: async ({ ports, actor }, { plan }) => {
    if (!/^[0-9a-f]{8,64}$/.test(plan)) {
      throw new AppError('unknown-name', `\`${plan}\` is no id of a plan`, { hint: 'See `portoser plan` for the id.' });
    }
    const approval = { by: actor.name, at: ports.clock.now() };
    await sayApproved(ports, [plan], approval);
    return { plan, ...approval, stateFolder: ports.state.path };
  },
};
