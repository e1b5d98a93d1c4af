// `portoser machine update`
import { command, given } from '../command.js';
import { machineInput, machineOptions, nameOf, unsetOption } from '../entry-options.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const machineUpdate = command({
  usage: '<machine>',
  options: { ...machineOptions, ...unsetOption },
  run: async call => {
    const unset = call.values.unset === undefined ? undefined : [...call.values.unset];
    const input = { name: nameOf(call, 'machine'), ...given({ ...machineInput(call.values), unset }) };
    const edited = await call.perform('machine.update', input);
    return respond(call, edited, () => editedText(edited, createPaint(call.terminal.colours)));
  },
});
