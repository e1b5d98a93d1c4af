// Sends a test message to the destinations that the registry names, and says what each answered.
import { didYouMean } from '../../schema/closest.js';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Destination, NotifyTested } from '../../schema/notify.js';
import { sendTo, testMessage } from '../loop/announce-send.js';
import type { Context, Operation } from './operation.js';
import { lying } from './parts/lying.js';
import { needRegistry } from './parts/names.js';
import { object, text } from './parts/shape.js';

const input = object({ name: text('Name of the destination; none: all of them') });

function chosen(all: readonly Destination[], name: string | undefined): readonly Destination[] {
  const found = name === undefined ? all : all.filter(one => one.name === name);
  if (name === undefined || found.length > 0) return found;
  const names = all.map(one => one.name);
  throw new AppError('unknown-name', `there is no destination \`${name}\` in \`notify\``, {
    hint: didYouMean(name, names) ?? `There are: ${names.join(', ') || 'none'}.`,
  });
}

async function tell({ ports, signal }: Context, to: Destination, cluster: string): Promise<NotifyTested> {
  const { name, type } = to;
  const { post, clock, redactor } = ports;
  try {
    if (post === undefined) throw new AppError('not-supported', 'nobody can be told from here');
    const now = clock.now();
    const answer = await sendTo({ post, redactor }, to, testMessage(cluster, now), { now, signal });
    return { name, type, told: true, answer };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const { code, message, hint } = asAppError(thrown);
    return { name, type, told: false, answer: message, code, hint };
  }
}

export const notifyTest: Operation<typeof input, readonly NotifyTested[]> = {
  name: 'notify.test',
  summary: 'Send a test message, and see what is answered',
  effect: 'changes',
  role: 'operator',
  input,
  run: async (context, { name }) => {
    const { notify = [], cluster } = needRegistry(await lying(context));
    return await Promise.all(chosen(notify, name).map(to => tell(context, to, cluster)));
  },
};
