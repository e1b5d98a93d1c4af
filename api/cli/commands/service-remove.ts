// `portoser service remove`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const serviceRemove = command({
  usage: '<service>',
  options: {},
  notes: 'It is stopped at the next pass. Its data is never deleted.',
  run: async call => {
    const edited = await call.perform('service.remove', { name: oneWord(call, 'service') });
    return respond(call, edited, () => editedText(edited, createPaint(call.terminal.colours)));
  },
});
