// `portoser events`
import { command, given } from '../command.js';
import { noWords, wholeNumber } from '../one-word.js';
import { createPaint } from '../paint.js';
import { eventsText } from '../render/history.js';
import { respond } from '../respond.js';
import { instantOf } from '../since.js';

export const events = command({
  usage: '',
  options: {
    since: { type: 'string', value: 'time', summary: 'from this time on: 10m, 2h, 7d, 2026-01-31T12:00:00Z' },
    after: { type: 'string', value: 'id', summary: 'what was kept after the event of this id' },
    service: { type: 'string', value: 'name', summary: 'only of this service, or service@machine' },
    machine: { type: 'string', value: 'name', summary: 'only on this machine' },
    limit: { type: 'string', short: 'n', value: 'number', summary: 'how many at most (default: 100, the newest)' },
  },
  run: async call => {
    noWords(call);
    const { after, service, machine, since: asked, limit: written } = call.values;
    const since = asked === undefined ? undefined : instantOf(asked, Date.now());
    const limit = written === undefined ? undefined : wholeNumber(written);
    const found = await call.perform('events', given({ since, after, service, machine, limit }));
    return respond(call, found, () => eventsText(found, createPaint(call.terminal.colours)));
  },
});
