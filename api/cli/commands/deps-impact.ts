// `portoser deps impact`
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { respond } from '../respond.js';

export const depsImpact = command({
  usage: '<service>',
  options: {},
  run: async call => {
    const impact = await call.perform('deps.impact', { service: oneWord(call, 'service') });
    const { strong, warn } = createPaint(call.terminal.colours);
    const text = (): string => {
      const lines = impact.dependants.map(one => {
        const way = one.through.length === 0 ? '' : ` through ${one.through.join(', ')}`;
        return `  ${strong(one.service)} on ${one.machines.join(', ')}${way}`;
      });
      return [
        lines.length === 0
          ? `Nothing depends on ${impact.service}.`
          : `Without ${impact.service} (on ${impact.machines.join(', ')}) these are without what they need:`,
        ...lines,
        ...(impact.stateful.length === 0 ? [] : [warn(`Data is at risk in: ${impact.stateful.join(', ')}`)]),
        ...(impact.critical.length === 0 ? [] : [warn(`Critical: ${impact.critical.join(', ')}`)]),
        'How long it would be away is not worked out from history yet.',
      ].join('\n');
    };
    return respond(call, impact, text);
  },
});
