// `portoser audit list`
import { command, given } from '../command.js';
import { noWords, wholeNumber } from '../one-word.js';
import { createPaint } from '../paint.js';
import { deedsText } from '../render/audit.js';
import { respond } from '../respond.js';
import { instantOf } from '../since.js';

export const auditList = command({
  usage: '',
  options: {
    since: { type: 'string', value: 'time', summary: 'from this time on: 10m, 2h, 7d, 2026-01-31T12:00:00Z' },
    actor: { type: 'string', value: 'name', summary: 'only what they did: a name, or the id of a token' },
    limit: { type: 'string', short: 'n', value: 'number', summary: 'how many at most (default: 100, the newest)' },
  },
  notes: 'What was done by commands and by the API, what the controller changed by itself, and who was refused.',
  run: async call => {
    noWords(call);
    const { since: asked, actor, limit: written } = call.values;
    const since = asked === undefined ? undefined : instantOf(asked, Date.now());
    const limit = written === undefined ? undefined : wholeNumber(written);
    const found = await call.perform('audit.list', given({ since, actor, limit }));
    return respond(call, found, () => deedsText(found, createPaint(call.terminal.colours)));
  },
});
