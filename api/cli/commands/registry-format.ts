// `portoser registry format`: rewrites the files that lie here; with --check it only says whether it would.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { respond } from '../respond.js';

export const registryFormat = command({
  usage: '',
  options: {
    check: { type: 'boolean', summary: 'write nothing; exit code 2 when a file is not in this style' },
    stdout: { type: 'boolean', summary: 'print the result instead of writing it' },
  },
  notes: 'Comments, order and values stay. Nothing is committed.',
  verbatim: true,
  run: async call => {
    noWords(call);
    const { check, stdout } = call.values;
    const { folder, files } = await call.perform('registry.format', {});
    const changed = files.filter(one => one.changed);
    const print = stdout === true || (folder === undefined && !check);
    if (!check && !print && folder !== undefined)
      await Promise.all(changed.map(one => writeFile(join(folder, one.path), one.text)));
    const said = changed
      .map(one => (check ? `${one.path} is not in the usual style` : `${one.path} rewritten`))
      .join('\n');
    const text = (): string =>
      print
        ? files
            .map(one => one.text)
            .join('---\n')
            .trimEnd()
        : said || 'All is in the usual style.';
    return respond(call, { folder, files }, text, check && changed.length > 0 ? 2 : 0);
  },
});
