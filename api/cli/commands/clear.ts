// `portoser clear`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { respond } from '../respond.js';

export const clear = command({
  usage: '<service[@machine]>',
  options: {},
  notes: 'The next pass tries it again; `portoser deploy <service>` does so at once.',
  run: async call => {
    const cleared = await call.perform('clear', { placement: oneWord(call, 'placement') });
    const texts = {
      cleared: 'is no longer held: the next pass tries it again.',
      clean: 'is not held: nothing was changed.',
    };
    return respond(call, cleared, () => cleared.map(one => `${one.key} ${texts[one.state]}`).join('\n'));
  },
});
