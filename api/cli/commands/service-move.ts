// `portoser service move`: says what will happen, asks where data is at stake, and commits it.
import { AppError } from '../../../schema/errors.js';
import type { OutputOf } from '../../../reconciler/engine.js';
import { command, given } from '../command.js';
import { twoWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

type Moved = OutputOf<'service.move'>;

const bareText = ({ service, from, to }: Moved): string =>
  `${service} is stateful and has no \`data: copy\`: its data stay on ${from}, and it starts on ${to} with what is there. The plan waits for \`portoser approve\` before it is stopped on ${from}. With \`data: copy\` in its entry its data are brought along.`;

const carriedText = ({ service, from, to }: Moved): string =>
  `At the next pass it is stopped on ${from}, its data are copied to ${to} and compared, and only then it starts there. When anything fails, ${service} runs on ${from} again. Its data on ${from} stay.`;

/** What the next pass makes of it. */
function nextText(moved: Moved): string {
  if (moved.copies) return carriedText(moved);
  if (moved.stateful) return bareText(moved);
  return `At the next pass it is started on ${moved.to}, and stopped on ${moved.from} once it is healthy there. Its files and volumes on ${moved.from} stay.`;
}

export const serviceMove = command({
  usage: '<service> <machine>',
  options: {
    from: { type: 'string', value: 'machine', summary: 'which one it leaves, where it runs on several' },
    yes: { type: 'boolean', short: 'y', summary: 'do not ask, also where its data stay behind' },
  },
  notes:
    'The new one is started first; the old one is stopped when the new one is healthy. With `stateful` or `data: copy` it is stopped first; `data: copy` takes its folder and named volumes along. `portoser plan` shows it before it is done.',
  run: async call => {
    const [service, machine] = twoWords(call, 'service', 'machine');
    const wish = { service, machine, ...given({ from: call.values.from }) };
    const shown = await call.perform('service.move', { ...wish, ...given({ accept: call.values.yes }) });
    const text = (moved: Moved) => (): string =>
      moved.edited === undefined
        ? 'Nothing was changed.'
        : `${editedText(moved.edited, createPaint(call.terminal.colours))}\n${nextText(moved)}`;
    if (shown.edited !== undefined) return respond(call, shown, text(shown));
    if (call.json || !call.terminal.canAsk)
      throw new AppError('move-blocked', bareText(shown), { hint: 'Say --yes to commit it all the same.' });
    call.terminal.err(bareText(shown));
    if (!(await call.terminal.ask('Commit it all the same?', call.signal))) return respond(call, shown, text(shown), 1);
    const moved = await call.perform('service.move', { ...wish, accept: true });
    return respond(call, moved, text(moved));
  },
});
