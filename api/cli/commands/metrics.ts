// `portoser metrics`
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { createPaint } from '../paint.js';
import { metricsText } from '../render/metrics.js';
import { respond } from '../respond.js';
import { instantOf } from '../since.js';

export const metrics = command({
  usage: '[machine]',
  options: {
    service: { type: 'string', value: 'name', summary: 'only of this service, or of service@machine' },
    since: {
      type: 'string',
      value: 'time',
      summary: 'the least, average and most from this time on: 1h, 7d, 2026-01-31',
    },
  },
  notes: `A controller (\`portoser run\`) measures at its passes. Samples are kept for a day, 5 minutes of them for 30 days, hours for a year.`,
  run: async call => {
    const [machine, ...more] = call.words;
    if (more.length > 0) throw new AppError('usage', `there is one machine too many: ${more.join(' ')}`);
    const { since: written, service } = call.values;
    const since = written === undefined ? undefined : instantOf(written, Date.now());
    const found = await call.perform('metrics', given({ machine, service, since }));
    return respond(call, found, () => metricsText(found, createPaint(call.terminal.colours)));
  },
});
