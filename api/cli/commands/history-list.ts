// `portoser history list`
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { wholeNumber } from '../one-word.js';
import { createPaint } from '../paint.js';
import { deploymentsText } from '../render/history.js';
import { respond } from '../respond.js';

export const historyList = command({
  usage: '[service]',
  options: {
    machine: { type: 'string', value: 'name', summary: 'only on this machine' },
    limit: { type: 'string', short: 'n', value: 'number', summary: 'how many at most (default: 20)' },
  },
  notes: `History is kept by a controller (\`portoser run\`), or in the PostgreSQL that DATABASE_URL names.`,
  run: async call => {
    const [service, ...more] = call.words;
    if (more.length > 0) throw new AppError('usage', `there is one service too many: ${more.join(' ')}`);
    const { machine, limit: written } = call.values;
    const limit = written === undefined ? undefined : wholeNumber(written);
    const deployments = await call.perform('history.list', given({ service, machine, limit }));
    return respond(call, deployments, () => deploymentsText(deployments, createPaint(call.terminal.colours)));
  },
});
