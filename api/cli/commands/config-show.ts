// `portoser config show`
import { command } from '../command.js';
import { table } from '../render/table.js';
import { respond } from '../respond.js';

export const configShow = command({
  usage: '',
  options: {},
  run: async call => {
    const settings = await call.perform('config.show', {});
    return respond(call, settings, () =>
      table(
        settings.map(one => [one.name, one.value ?? '-', one.where]),
        ['SETTING', 'VALUE', 'FROM'],
      ),
    );
  },
});
