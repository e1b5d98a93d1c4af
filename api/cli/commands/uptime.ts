// `portoser uptime`
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { createPaint } from '../paint.js';
import { uptimeText } from '../render/uptime.js';
import { respond } from '../respond.js';
import { instantOf } from '../since.js';

export const uptime = command({
  usage: '[service]',
  options: {
    since: { type: 'string', value: 'time', summary: 'from this time on (default: 30d): 24h, 90d, 2026-01-31' },
  },
  notes: `From the health checks of \`portoser run\`. Availability is up ÷ (up + down): changes of ours, suspends, and times in which nobody could look are left out.`,
  run: async call => {
    const [service, ...more] = call.words;
    if (more.length > 0) throw new AppError('usage', `there is one service too many: ${more.join(' ')}`);
    const { since: written } = call.values;
    const since = written === undefined ? undefined : instantOf(written, Date.now());
    const found = await call.perform('uptime', given({ service, since }));
    return respond(call, found, () => uptimeText(found, createPaint(call.terminal.colours)));
  },
});
