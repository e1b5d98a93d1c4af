// `portoser notify test`: a message to each destination, and what it answered.
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { notifyText } from '../render/notify.js';
import { respond } from '../respond.js';

export const notifyTest = command({
  usage: '[name]',
  options: {},
  notes:
    'Takes `notify` from the files as they lie there, and what it refers to (env:, file:) from this command’s own environment. Exit code 0: all were told, 1: one was not, or there is none.',
  run: async call => {
    const name = call.words.length === 0 ? undefined : oneWord(call, 'destination');
    const tested = await call.perform('notify.test', given({ name }));
    const all = tested.length > 0 && tested.every(one => one.told);
    return respond(call, tested, () => notifyText(tested, createPaint(call.terminal.colours)), all ? 0 : 1);
  },
});
