// `portoser machine remove`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const machineRemove = command({
  usage: '<machine>',
  options: {},
  notes:
    'What is ours there is stopped at the next pass. Services that are placed on it by name must go or move first. Our traces there go with `portoser machine forget`.',
  run: async call => {
    const edited = await call.perform('machine.remove', { name: oneWord(call, 'machine') });
    return respond(call, edited, () => editedText(edited, createPaint(call.terminal.colours)));
  },
});
