// `portoser audit verify`
import { command, given } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { verdictText } from '../render/audit.js';
import { respond } from '../respond.js';

export const auditVerify = command({
  usage: '',
  options: {
    anchor: {
      type: 'string',
      value: 'number:hash',
      summary: 'a record that you noted elsewhere; it must still be there',
    },
  },
  notes: `Walks all records, and names the first one that was edited, removed or put elsewhere. That the end was cut off is seen by
what the log noted of its end, by the copy in the database, and by --anchor: note what this prints where nobody else writes.
The exit code is 1 when something is not as it was written.`,
  run: async call => {
    noWords(call);
    const verdict = await call.perform('audit.verify', given({ anchor: call.values.anchor }));
    return respond(
      call,
      verdict,
      () => verdictText(verdict, createPaint(call.terminal.colours)),
      verdict.whole ? 0 : 1,
    );
  },
});
