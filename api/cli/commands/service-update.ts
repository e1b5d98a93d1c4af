// `portoser service update`
import { command, given } from '../command.js';
import { nameOf, serviceInput, serviceOptions, unsetOption } from '../entry-options.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const serviceUpdate = command({
  usage: '<service>',
  options: { ...serviceOptions, ...unsetOption },
  run: async call => {
    const unset = call.values.unset === undefined ? undefined : [...call.values.unset];
    const input = { name: nameOf(call, 'service'), ...given({ ...serviceInput(call.values), unset }) };
    const edited = await call.perform('service.update', input);
    return respond(call, edited, () => editedText(edited, createPaint(call.terminal.colours)));
  },
});
