// `portoser approve`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { respond } from '../respond.js';

export const approve = command({
  usage: '<plan>',
  options: {},
  run: async call => {
    const approval = await call.perform('approve', { plan: oneWord(call, 'plan') });
    const text = `Plan ${approval.plan} is approved: the next pass applies it when it is still the same.`;
    return respond(call, approval, () => `${text}\nNoted in ${approval.stateFolder}.`);
  },
});
