// Takes the hands off services or machines, with a reason and perhaps for a time: noted on the machines themselves.
import { AppError } from '../../schema/errors.js';
import { durationMs } from '../core/durations.js';
import { suspendOn } from '../loop/suspend.js';
import type { Operation } from './operation.js';
import { type Handled, onEach, place } from './parts/hands.js';
import { object, text } from './parts/shape.js';

const input = object({ ...place, reason: text('Why, in one line'), for: text('For how long, such as 2h') }, ['reason']);

export interface Suspended {
  readonly reason: string;
  readonly by: string;
  /** Milliseconds since 1970; absent: until it is resumed. */
  readonly until?: number;
  readonly machines: readonly Handled<true>[];
}

const longestReason = 500;

function readFor(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const forMs = durationMs(written);
  if (forMs !== undefined && forMs > 0) return forMs;
  throw new AppError('usage', `\`${written}\` is no duration`, { hint: 'Write one such as 30m, 2h or 3d.' });
}

/** Who comes later has nothing but it to go by. */
function readReason(written: string): string {
  const reason = written.trim();
  if (reason === '') throw new AppError('usage', 'the reason is empty', { hint: 'Say why: --reason "…".' });
  if (reason.length > longestReason || /\p{Cc}/u.test(reason))
    throw new AppError('usage', `a reason is one line of at most ${longestReason} characters`);
  return reason;
}

export const suspend: Operation<typeof input, Suspended> = {
  name: 'suspend',
  summary: 'Take the hands off services or machines',
  effect: 'changes',
  role: 'operator',
  input,
  run: async (context, { reason: given, for: written, ...asked }) => {
    const forMs = readFor(written);
    const reason = readReason(given);
    const by = context.actor.name;
    const more = forMs === undefined ? {} : { forMs };
    const machines = await onEach(context, asked, async (run, { names }) => {
      await suspendOn(run, { names, reason, by, ...more });
      return true as const;
    });
    return { reason, by, machines, ...(forMs === undefined ? {} : { until: context.ports.clock.now() + forMs }) };
  },
};
