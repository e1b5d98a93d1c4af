// `portoser service add`
import { command, given } from '../command.js';
import { nameOf, need, serviceInput, serviceOptions } from '../entry-options.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const serviceAdd = command({
  usage: '',
  options: serviceOptions,
  notes: 'Commits the edit (and pushes it where there is an upstream); comments and order stay.',
  run: async call => {
    const { type, path, machine, ...more } = serviceInput(call.values);
    const input = {
      name: nameOf(call, 'service'),
      type: need('type', type),
      path: need('path', path),
      machine: need('machine', machine),
    };
    const edited = await call.perform('service.add', { ...given(more), ...input });
    return respond(call, edited, () => editedText(edited, createPaint(call.terminal.colours)));
  },
});
