// `portoser service list`
import { command, given } from '../command.js';
import { noWords } from '../one-word.js';
import { table } from '../render/table.js';
import { respond } from '../respond.js';

export const serviceList = command({
  usage: '',
  options: {
    group: { type: 'string', value: 'name', summary: 'only services of this group' },
    tag: { type: 'string', value: 'tag', summary: 'only services with this tag' },
  },
  run: async call => {
    noWords(call);
    const { group, tag } = call.values;
    const services = await call.perform('service.list', given({ group, tag }));
    const rows = services.map(one => [
      one.service,
      one.machine,
      one.type,
      one.path,
      one.ports.join(','),
      one.dependsOn.join(', '),
    ]);
    return respond(call, services, () =>
      rows.length === 0 ? 'No services.' : table(rows, ['SERVICE', 'MACHINE', 'TYPE', 'PATH', 'PORTS', 'DEPENDS ON']),
    );
  },
});
