// `portoser observe`: what is seen of a service now.
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { observationText } from '../render/observe.js';
import { maskText, maskValue, type Private } from '../render/share.js';
import { respond } from '../respond.js';
import type { OutputOf } from '../../../reconciler/engine.js';

function privateOf({ placements }: OutputOf<'observe'>): Private {
  const facts = placements.flatMap(one => one.machine.facts ?? []);
  return {
    hosts: [...placements.map(one => one.machine.host), ...facts.map(one => one.hostname)],
    users: [...placements.map(one => one.user), ...facts.map(one => one.user)],
  };
}

export const observe = command({
  usage: '<service>',
  options: { share: { type: 'boolean', summary: 'mask hosts, addresses and user names, for a bug report' } },
  notes: 'Exit code 0: all is well, 2: something is not.',
  run: async call => {
    const seen = await call.perform('observe', { service: oneWord(call, 'service') });
    const secrets = privateOf(seen);
    const text = (): string => observationText(seen, createPaint(call.terminal.colours));
    const code = seen.well ? 0 : 2;
    return call.values.share
      ? respond(call, maskValue(seen, secrets), () => maskText(text(), secrets), code)
      : respond(call, seen, text, code);
  },
});
