// `portoser history rollback`: shows what comes back and what does not, asks, commits it and has it brought.
import { AppError } from '../../../schema/errors.js';
import { command } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { passExitCode } from '../render/pass.js';
import { rolledBackText, rollbackText } from '../render/rollback.js';
import { respond } from '../respond.js';

export const historyRollback = command({
  usage: '<id>',
  options: {
    'dry-run': { type: 'boolean', summary: 'show it and stop' },
    yes: { type: 'boolean', short: 'y', summary: 'do not ask' },
  },
  notes: `Brings back the service's entry, its source files and its images, as one commit on the newest head, and then
deploys it; where policy.write is pull-request, that commit is proposed, and deployed once it is merged. Where that
deployment failed, or is what git says now, the last healthy one before it is taken.
Exit code 0: it runs so, or is proposed, 1: it failed, or nobody said yes, 2: held, or (--dry-run) there is something to
bring back.`,
  run: async call => {
    const id = oneWord(call, 'deployment');
    const paint = createPaint(call.terminal.colours);
    const shown = await call.perform('history.rollback', { id });
    if (call.values['dry-run']) return respond(call, shown, () => rollbackText(shown, paint), 2);
    if (!call.json) call.terminal.err(rollbackText(shown, paint));
    const canAsk = call.terminal.canAsk && !call.json;
    if (!call.values.yes && !canAsk)
      throw new AppError('usage', 'a rollback is confirmed first', { hint: 'Say --yes, or look with --dry-run.' });
    if (!call.values.yes && !(await call.terminal.ask(`Return ${shown.to.service} to it?`, call.signal)))
      return respond(call, shown, () => 'Nothing was changed.', 1);
    const done = await call.perform('history.rollback', { id, accept: shown.to.id });
    const code = done.report === undefined ? 0 : passExitCode(done.report);
    return respond(call, done, () => rolledBackText(done, paint), code);
  },
});
