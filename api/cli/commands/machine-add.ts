// `portoser machine add`
import { command, given } from '../command.js';
import { machineInput, machineOptions, nameOf, need } from '../entry-options.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

export const machineAdd = command({
  usage: '',
  options: machineOptions,
  notes: 'Commits the edit (and pushes it where there is an upstream); comments and order stay.',
  run: async call => {
    const { host, user, platform, ...more } = machineInput(call.values);
    const input = {
      name: nameOf(call, 'machine'),
      host: need('host', host),
      user: need('user', user),
      platform: need('platform', platform),
    };
    const edited = await call.perform('machine.add', { ...given(more), ...input });
    const next =
      edited.commit === 'work-tree' || edited.pull !== undefined
        ? ''
        : `\nNext: \`portoser machine trust ${input.name}\` pins its host key.`;
    return respond(
      call,
      edited,
      () => `${editedText(edited, createPaint(call.terminal.colours))}${input.host === 'local' ? '' : next}`,
    );
  },
});
