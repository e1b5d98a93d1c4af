// `portoser registry reload`
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { diagnosticsText } from '../render/diagnostics.js';
import { respond } from '../respond.js';

export const registryReload = command({
  usage: '',
  options: {},
  notes: 'Exit code 0: the newest commit is in force, 1: it was refused, 2: it is held.',
  run: async call => {
    noWords(call);
    const found = await call.perform('registry.reload', {});
    const paint = createPaint(call.terminal.colours);
    const refused = found.diagnostics.some(one => one.severity === 'error');
    const inForce =
      found.inForce === undefined
        ? 'No commit is in force.'
        : `In force: commit ${found.inForce}${found.subject === undefined ? '' : ` (${found.subject})`}`;
    const text = (): string =>
      [
        found.diagnostics.length > 0 ? diagnosticsText(found.diagnostics, paint) : '',
        refused ? paint.bad(`Commit ${found.head.slice(0, 12)} was refused.`) : '',
        found.held === undefined ? '' : `${paint.warn('Held:')} ${found.held}`,
        found.outage === undefined ? '' : paint.warn(found.outage.message),
        inForce,
      ]
        .filter(Boolean)
        .join('\n');
    return respond(call, found, text, refused || found.outage !== undefined ? 1 : found.held === undefined ? 0 : 2);
  },
});
