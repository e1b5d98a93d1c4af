// `portoser machine show`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { entryText } from '../render/entry.js';
import { table } from '../render/table.js';
import { respond } from '../respond.js';

export const machineShow = command({
  usage: '<machine>',
  options: {},
  run: async call => {
    const shown = await call.perform('machine.show', { name: oneWord(call, 'machine') });
    const { machine, placements } = shown;
    const text = (): string => {
      const { name, host, port, user, platform, arch, sshKey, hostKeys, jump, sudo, tags, description, suspend, at } =
        machine;
      const rows = {
        host,
        port,
        user,
        platform,
        arch,
        'ssh key': sshKey,
        'host key': hostKeys,
        jump,
        sudo,
        tags,
        description,
        suspended: suspend,
        'written at': `${at.file}:${at.line}`,
      };
      const services = placements.map(one => [one.service, one.type, one.path, one.ports.join(',')]);
      const below =
        services.length === 0 ? 'No services are placed on it.' : table(services, ['SERVICE', 'TYPE', 'PATH', 'PORTS']);
      return `${entryText(createPaint(call.terminal.colours).strong(name), rows)}\n\n${below}`;
    };
    return respond(call, shown, text);
  },
});
