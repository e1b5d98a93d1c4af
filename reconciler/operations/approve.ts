// Notes that a person approved a plan; the next pass applies it when it is still the same.
import { AppError } from '../../schema/errors.js';
import { heldOf, letGo, needsPerson } from '../../schema/holds.js';
import type { Hold, Plan } from '../../schema/plan.js';
import { sessionOf } from '../loop/session.js';
import type { Ports } from '../ports.js';
import type { Operation } from './operation.js';
import { sayApproved } from './parts/said.js';
import { object, text } from './parts/shape.js';

const input = object({ plan: text('Id of the plan') }, ['plan']);

/** `nothing`: the newest plan has another id, or nothing of it waits. */
export type ApprovedOf =
  | { readonly by: Exclude<Hold['by'], undefined>; readonly why: string; readonly letGo: string }
  | { readonly by: 'nothing'; readonly newest: string };

export interface Approved {
  readonly plan: string;
  readonly by: string;
  readonly at: number;
  /** A controller that uses another state folder does not see it. */
  readonly stateFolder: string;
  /** What waits under that id by the controller's newest plan; absent: it was asked where no controller makes plans. */
  readonly of?: ApprovedOf;
}

/** The id of the whole plan stands for all of its parts that a person has to approve. */
function waitsIn(plan: Plan, id: string): ApprovedOf {
  const held = heldOf(plan);
  const found = held.find(one => one.id === id) ?? (plan.id === id ? (held.find(needsPerson) ?? held[0]) : undefined);
  if (found === undefined) return { by: 'nothing', newest: plan.id };
  return { by: found.by ?? 'approval', why: found.why, letGo: letGo(found) };
}

/** Only a controller has a plan at hand: to make one, every machine would have to be asked. */
function newestPlan(ports: Ports): Plan | undefined {
  return sessionOf(ports).live?.().considered?.plan;
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
    const newest = newestPlan(ports);
    const of = newest === undefined ? {} : { of: waitsIn(newest, plan) };
    return { plan, ...approval, stateFolder: ports.state.path, ...of };
  },
};
