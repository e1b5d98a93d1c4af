// `portoser registry schema`: for editors, such as the YAML plugin of VS Code.
import { command } from '../command.js';
import { noWords } from '../one-word.js';

export const registrySchema = command({
  usage: '',
  options: {},
  notes:
    'Write it to a file and name that in the first line of registry.yml:\n  # yaml-language-server: $schema=./registry.schema.json',
  verbatim: true,
  run: async call => {
    noWords(call);
    call.terminal.out(JSON.stringify(await call.perform('registry.schema', {}), null, 2));
    return 0;
  },
});
