// `portoser machine claim`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { respond } from '../respond.js';

export const machineClaim = command({
  usage: '<machine>',
  options: { yes: { type: 'boolean', short: 'y', summary: 'do not ask' } },
  notes:
    'The other repository loses the machine: what it put there is from then on ours, and goes when our registry does not name it.',
  run: async call => {
    const name = oneWord(call, 'machine');
    const asks = call.terminal.canAsk && !call.values.yes && !call.json;
    if (asks && !(await call.terminal.ask(`Take ${name} over from the repository that has it?`, call.signal))) return 1;
    const claimed = await call.perform('machine.claim', { name });
    const texts = {
      free: `${name} belongs to nobody under this cluster's name: the first change takes it.`,
      ours: `${name} belongs to this repository already.`,
      claimed: `${name} belongs to this repository now (before: ${claimed.before?.slice(0, 12) ?? 'nobody'}).`,
    };
    return respond(call, claimed, () => texts[claimed.state]);
  },
});
