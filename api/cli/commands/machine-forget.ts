// `portoser machine forget`: shows what goes and what runs on, asks, and does it.
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { forgettingText, forgottenText } from '../render/forget.js';
import { respond } from '../respond.js';

export const machineForget = command({
  usage: '<machine>',
  options: { yes: { type: 'boolean', short: 'y', summary: 'do not ask' } },
  notes:
    'For a machine that left the registry. Services there run on: their folders (also `.portoser/` in them), units, containers and data stay. Where it cannot be reached it is only dropped from our list.',
  run: async call => {
    const name = oneWord(call, 'machine');
    const shown = await call.perform('machine.forget', { name });
    if (!call.json) call.terminal.err(forgettingText(shown));
    const asks = call.terminal.canAsk && !call.values.yes && !call.json;
    if (asks && !(await call.terminal.ask(`Forget ${name}?`, call.signal)))
      return respond(call, shown, () => forgottenText(shown), 1);
    const done = await call.perform('machine.forget', { name, accept: shown.does });
    return respond(call, done, () => forgottenText(done));
  },
});
