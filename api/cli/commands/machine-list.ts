// `portoser machine list`
import { command, given } from '../command.js';
import { noWords } from '../one-word.js';
import { table } from '../render/table.js';
import { respond } from '../respond.js';

export const machineList = command({
  usage: '',
  options: { tag: { type: 'string', value: 'tag', summary: 'only machines with this tag' } },
  run: async call => {
    noWords(call);
    const machines = await call.perform('machine.list', given({ tag: call.values.tag }));
    const rows = machines.map(one => [
      one.name,
      one.port === 22 ? one.host : `${one.host}:${one.port}`,
      one.user,
      one.platform,
      one.hostKeys.length > 0 ? 'pinned' : '-',
      one.services.join(', '),
    ]);
    return respond(call, machines, () =>
      rows.length === 0
        ? 'The registry names no machines.'
        : table(rows, ['MACHINE', 'HOST', 'USER', 'PLATFORM', 'HOST KEY', 'SERVICES']),
    );
  },
});
