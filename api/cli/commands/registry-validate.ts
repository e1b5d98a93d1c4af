// `portoser registry validate`
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { count, diagnosticsCount, diagnosticsText } from '../render/diagnostics.js';
import { respond } from '../respond.js';

export const registryValidate = command({
  usage: '',
  options: { committed: { type: 'boolean', summary: 'the newest commit, not the files as they lie there' } },
  notes: 'Exit code 0: valid (warnings are shown), 1: refused.',
  run: async call => {
    noWords(call);
    const found = await call.perform('registry.validate', call.values.committed ? { from: 'commit' } : {});
    const paint = createPaint(call.terminal.colours);
    const size = `${count(found.machines, 'machine')}, ${count(found.services, 'service')}`;
    const problems = diagnosticsCount(found.diagnostics);
    const verdict = found.valid
      ? `${found.path} is valid: ${size}${problems === '' ? '' : `, ${problems}`}.`
      : `${found.path} is refused: ${problems}.`;
    const text = (): string =>
      [
        found.diagnostics.length > 0 ? diagnosticsText(found.diagnostics, paint) : '',
        found.differs ? paint.warn('These files differ from the commit.') : '',
        found.valid ? paint.good(verdict) : paint.bad(verdict),
      ]
        .filter(Boolean)
        .join('\n');
    return respond(call, found, text, found.valid ? 0 : 1);
  },
});
