// `portoser service move`: says what will happen, asks where data is at stake, and commits it.
import { AppError } from '../../../schema/errors.js';
import type { OutputOf } from '../../../reconciler/engine.js';
import { command, given } from '../command.js';
import { twoWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { editedText } from '../render/edited.js';
import { respond } from '../respond.js';

type Moved = OutputOf<'service.move'>;

const blockedText = ({ service, from, to }: Moved): string =>
  `${service} is stateful, and moving one with its data is not supported yet: once the registry says ${to}, what stands on ${from} runs on there, nothing is started on ${to}, and the plan shows it as blocked until ${service} is back on ${from}. Where it never stood on ${from}, it simply starts on ${to}.`;

/** What the next pass makes of it. */
const nextText = (moved: Moved): string =>
  moved.stateful
    ? blockedText(moved)
    : `At the next pass it is started on ${moved.to}, and stopped on ${moved.from} once it is healthy there. Its files and volumes on ${moved.from} stay.`;

export const serviceMove = command({
  usage: '<service> <machine>',
  options: {
    from: { type: 'string', value: 'machine', summary: 'which one it leaves, where it runs on several' },
    yes: { type: 'boolean', short: 'y', summary: 'do not ask, also where it is stateful' },
  },
  notes:
    'The new one is started first; the old one is stopped when the new one is healthy. Data is not taken along. `portoser plan` shows it before it is done.',
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
      throw new AppError('not-supported', blockedText(shown), { hint: 'Say --yes to commit it all the same.' });
    call.terminal.err(blockedText(shown));
    if (!(await call.terminal.ask('Commit it all the same?', call.signal))) return respond(call, shown, text(shown), 1);
    const moved = await call.perform('service.move', { ...wish, accept: true });
    return respond(call, moved, text(moved));
  },
});
