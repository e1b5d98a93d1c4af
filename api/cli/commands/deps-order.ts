// `portoser deps order`
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { respond } from '../respond.js';

export const depsOrder = command({
  usage: '',
  options: {},
  run: async call => {
    noWords(call);
    const order = await call.perform('deps.order', {});
    return respond(
      call,
      order,
      () => order.waves.map((wave, index) => `${index + 1}. ${wave.join(', ')}`).join('\n') || 'No services.',
    );
  },
});
