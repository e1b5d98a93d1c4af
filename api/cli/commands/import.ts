// `portoser import`: makes a registry of the older form into one of the present form, and says what it could not carry over.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError } from '../../../schema/errors.js';
import { onFile } from '../../../schema/file-refusal.js';
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { diagnosticsText } from '../render/diagnostics.js';
import { remarksText } from '../render/import.js';
import { respond } from '../respond.js';

/** Where the result goes; undefined: to standard output. */
function targetOf(values: { readonly output?: string; readonly write?: boolean }, path: string): string | undefined {
  if (values.output !== undefined && values.write === true)
    throw new AppError('usage', '--write and --output exclude each other');
  return values.output ?? (values.write === true ? path : undefined);
}

async function write(target: string, text: string, over: boolean): Promise<void> {
  if (existsSync(target) && !over)
    throw new AppError('usage', `${target} is there already`, { hint: 'Say --yes to write over it.' });
  await onFile(target, 'written', async () => {
    await mkdir(dirname(resolve(target)), { recursive: true });
    await writeFile(target, text, { flag: over ? 'w' : 'wx' });
  });
}

export const importRegistry = command({
  usage: '<file>',
  options: {
    output: { type: 'string', short: 'o', value: 'file', summary: 'write it there (default: standard output)' },
    write: { type: 'boolean', summary: 'write it to registry.yml here, or to what --path names' },
    yes: { type: 'boolean', short: 'y', summary: 'write over a file that is there' },
  },
  notes:
    'For registries with `hosts`, `current_host` and `deployment_type`. What it could not carry over is listed on standard error, with the line that says it. Exits with 2 where there is such a thing. What runs already is taken over by `portoser adopt <machine>` once the result is committed.',
  verbatim: true,
  run: async call => {
    const file = oneWord(call, 'file');
    const target = targetOf(call.values, call.settings.path.value ?? 'registry.yml');
    const imported = await call.perform('import', {
      file,
      text: await onFile(file, 'read', () => readFile(file, 'utf8')),
    });
    const paint = createPaint(call.terminal.colours);
    if ('diagnostics' in imported)
      return respond(call, imported, () => diagnosticsText(imported.diagnostics, paint), 1);
    if (target !== undefined) await write(target, imported.text, call.values.yes === true);
    if (!call.json) call.terminal.err(remarksText(imported, paint));
    const text = target === undefined ? imported.text : `Wrote ${target}.`;
    return respond(call, imported, () => text, imported.remarks.length === 0 ? 0 : 2);
  },
});
