// `portoser history show`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { deploymentText } from '../render/history.js';
import { respond } from '../respond.js';

export const historyShow = command({
  usage: '<id>',
  options: {},
  notes: 'The beginning of an id is enough, as long as no other deployment begins so.',
  run: async call => {
    const found = await call.perform('history.show', { id: oneWord(call, 'deployment') });
    return respond(call, found, () => deploymentText(found, createPaint(call.terminal.colours)));
  },
});
