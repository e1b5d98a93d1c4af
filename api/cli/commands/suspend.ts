// `portoser suspend`: hands off, with a reason.
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { handledText, placeOf, placeOptions } from '../render/hands.js';
import { respond } from '../respond.js';

export const suspend = command({
  usage: '[service…]',
  options: {
    ...placeOptions,
    reason: { type: 'string', value: 'text', summary: 'why; shown in status and plan' },
    for: { type: 'string', value: 'duration', summary: 'for so long, such as 2h; it is over by itself' },
  },
  notes: `Services are looked at and not touched, by no controller, until \`portoser resume\`: it is noted on the machines themselves.
A service may be named with its machine: web@m1. What is being changed there is brought to its end first.`,
  run: async call => {
    const { reason, for: duration } = call.values;
    if (reason === undefined) throw new AppError('usage', '--reason is missing', { hint: 'Say why: --reason "…".' });
    const done = await call.perform('suspend', { ...placeOf(call), reason, ...given({ for: duration }) });
    const until =
      done.until === undefined ? 'until it is resumed' : `until ${new Date(done.until).toLocaleString('sv')}`;
    const failed = done.machines.some(one => one.error !== undefined);
    const text = (): string => done.machines.map(one => handledText(one, () => [`suspended ${until}`])).join('\n');
    return respond(call, done, text, failed ? 1 : 0);
  },
});
