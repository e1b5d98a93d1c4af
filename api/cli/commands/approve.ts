// `portoser approve`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { approvedText } from '../render/approve.js';
import { respond } from '../respond.js';

export const approve = command({
  usage: '<plan>',
  options: {},
  run: async call => {
    const approval = await call.perform('approve', { plan: oneWord(call, 'plan') });
    return respond(call, approval, () => approvedText(approval));
  },
});
