// `portoser events`
import { AppError } from '../../../schema/errors.js';
import { type Call, command, type ExitCode, given } from '../command.js';
import { noWords, wholeNumber } from '../one-word.js';
import { createPaint } from '../paint.js';
import { eventsText } from '../render/history.js';
import { deliveriesText } from '../render/webhooks.js';
import { respond } from '../respond.js';
import { instantOf } from '../since.js';

const options = {
  since: { type: 'string', value: 'time', summary: 'from this time on: 10m, 2h, 7d, 2026-01-31T12:00:00Z' },
  after: { type: 'string', value: 'id', summary: 'what was kept after the event of this id' },
  service: { type: 'string', value: 'name', summary: 'only of this service, or service@machine' },
  machine: { type: 'string', value: 'name', summary: 'only on this machine' },
  webhooks: { type: 'boolean', summary: 'instead: what forges sent to /hooks/git, and what became of it' },
  limit: { type: 'string', short: 'n', value: 'number', summary: 'how many at most (default: 100, the newest)' },
} as const;

async function showWebhooks(call: Call<typeof options>, limit = 100): Promise<ExitCode> {
  const { after, service, machine, since } = call.values;
  if ([after, service, machine, since].some(one => one !== undefined))
    throw new AppError('usage', '--webhooks goes with --limit alone');
  const found = await call.perform('webhooks', { limit });
  return respond(call, found, () => deliveriesText(found, createPaint(call.terminal.colours)));
}

export const events = command({
  usage: '',
  options,
  run: async call => {
    noWords(call);
    const { after, service, machine, since: asked, limit: written, webhooks } = call.values;
    const limit = written === undefined ? undefined : wholeNumber(written);
    if (webhooks) return await showWebhooks(call, limit);
    const since = asked === undefined ? undefined : instantOf(asked, Date.now());
    const found = await call.perform('events', given({ since, after, service, machine, limit }));
    return respond(call, found, () => eventsText(found, createPaint(call.terminal.colours)));
  },
});
