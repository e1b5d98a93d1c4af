// `portoser registry check-conflicts`
import { command, given } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { diagnosticsText } from '../render/diagnostics.js';
import { respond } from '../respond.js';

export const registryCheckConflicts = command({
  usage: '',
  options: { live: { type: 'boolean', summary: 'compare with what listens on the machines, too' } },
  notes: 'Exit code 0: no conflict, 1: conflicts, or a machine that could not be looked at.',
  run: async call => {
    noWords(call);
    const found = await call.perform('registry.check-conflicts', given({ live: call.values.live }));
    const paint = createPaint(call.terminal.colours);
    const { conflicts, live = [], unknown = [] } = found;
    const lines = [
      ...(conflicts.length > 0 ? [diagnosticsText(conflicts, paint)] : []),
      ...live.map(one => `${paint.bad('!')} ${paint.strong(one.key)} ${one.why}`),
      ...unknown.map(one => `${paint.warn('?')} ${paint.strong(one.machine)} ${one.why}`),
    ];
    const clean = lines.length === 0;
    return respond(call, found, () => (clean ? paint.good('No conflicts.') : lines.join('\n')), clean ? 0 : 1);
  },
});
