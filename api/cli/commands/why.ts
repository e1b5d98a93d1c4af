// `portoser why`: why a service is as it is, back to the lines and commits.
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { whyExitCode, whyText } from '../render/why.js';
import { respond } from '../respond.js';

export const why = command({
  usage: '<service>',
  options: { committed: { type: 'boolean', summary: 'the newest commit, not the files as they lie there' } },
  notes: `For each placement: what is wanted and what was found, the line that it comes from and who last changed it,
what is decided, and what would be run there. Only reads. Exit code 0: nothing to do, 2: something differs, 1: an error.`,
  run: async call => {
    const from = call.values.committed ? 'commit' : undefined;
    const report = await call.perform('why', { service: oneWord(call, 'service'), ...given({ from }) });
    const text = (): string => whyText(report, createPaint(call.terminal.colours));
    return respond(call, report, text, whyExitCode(report));
  },
});
