// `portoser adopt`: shows what runs on a machine and could be taken over, asks, and writes it down.
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { adoptableText, adoptedText } from '../render/adopt.js';
import { respond } from '../respond.js';

export const adopt = command({
  usage: '<machine>',
  options: {
    only: { type: 'string', value: 'name,…', multiple: true, summary: 'only these projects, units or services' },
    'dry-run': { type: 'boolean', summary: 'only show it (exits with 2 where there is something)' },
    yes: { type: 'boolean', short: 'y', summary: 'do not ask' },
  },
  notes:
    'Finds Docker Compose projects, and systemd units in /etc/systemd/system that came with no package. Each becomes a service of the registry as it is, in one commit, and is noted on the machine as ours; nothing is restarted, and the next plan is empty. What is adopted is released when it leaves the registry, and never stopped.',
  run: async call => {
    const machine = oneWord(call, 'machine');
    const { yes, 'dry-run': dry } = call.values;
    const only = call.values.only?.flatMap(names => names.split(',').filter(name => name !== ''));
    const input = { machine, ...given({ only }) };
    const shown = await call.perform('adopt', input);
    const paint = createPaint(call.terminal.colours);
    if (shown.things.length === 0) return respond(call, shown, () => adoptableText(shown, paint));
    const asks = call.terminal.canAsk && !call.json;
    if (dry || (!yes && !asks)) {
      const more = dry ? '' : '\nNothing was changed: say --yes to take them over.';
      return respond(call, shown, () => `${adoptableText(shown, paint)}${more}`, 2);
    }
    if (!call.json) call.terminal.err(adoptableText(shown, paint));
    if (!yes && !(await call.terminal.ask(`Take over ${shown.things.length} on ${machine}?`, call.signal)))
      return respond(call, shown, () => 'Nothing was changed.', 1);
    const done = await call.perform('adopt', { ...input, accept: shown.things.map(one => one.service) });
    const failed = done.done?.taken.some(one => one.error !== undefined) === true;
    return respond(call, done, () => adoptedText(done, paint), failed ? 1 : 0);
  },
});
