// `portoser history diff`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { diffText } from '../render/history.js';
import { respond } from '../respond.js';

export const historyDiff = command({
  usage: '<id>',
  options: {},
  run: async call => {
    const diff = await call.perform('history.diff', { id: oneWord(call, 'deployment') });
    return respond(call, diff, () => diffText(diff, createPaint(call.terminal.colours)));
  },
});
