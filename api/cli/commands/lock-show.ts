// `portoser lock show`
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { holderText } from '../render/lock.js';
import { table } from '../render/table.js';
import { respond } from '../respond.js';

export const lockShow = command({
  usage: '[machine]',
  options: {},
  notes: 'A lock is taken around changes only. Exit code 1: a machine could not be looked at.',
  run: async call => {
    const [machine, ...more] = call.words;
    if (more.length > 0) throw new AppError('usage', `there is one machine too many: ${more.join(' ')}`);
    const locks = await call.perform('lock.show', given({ machine }));
    const rows = locks.map(one => [one.machine, String(one.lock?.fence ?? ''), holderText(one)]);
    const text = (): string =>
      rows.length === 0 ? 'The registry names no machines.' : table(rows, ['MACHINE', 'FENCE', 'LOCK']);
    return respond(call, locks, text, locks.some(one => one.state === 'unknown') ? 1 : 0);
  },
});
