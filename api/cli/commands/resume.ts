// `portoser resume`: hands on again.
import { command } from '../command.js';
import { handledText, placeOf, placeOptions } from '../render/hands.js';
import { respond } from '../respond.js';

export const resume = command({
  usage: '[service…]',
  options: placeOptions,
  notes: 'Exit code 0: nothing keeps the hands off any more, 2: something else still does, 1: an error.',
  run: async call => {
    const done = await call.perform('resume', placeOf(call));
    const failed = done.machines.some(one => one.error !== undefined);
    const still = done.machines.some(one => (one.done?.still.length ?? 0) > 0);
    const text = (): string =>
      done.machines
        .map(one =>
          handledText(one, ({ resumed, still: kept }) => [
            resumed ? 'resumed' : 'was not suspended by command',
            ...kept.map(why => `still: ${why}`),
          ]),
        )
        .join('\n');
    return respond(call, done, text, failed ? 1 : still ? 2 : 0);
  },
});
