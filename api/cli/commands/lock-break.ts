// `portoser lock break`
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { holderText } from '../render/lock.js';
import { respond } from '../respond.js';

const options = {
  yes: { type: 'boolean', short: 'y', summary: 'do not ask' },
  running: { type: 'boolean', summary: 'also when a controller that runs here holds it' },
} as const;

export const lockBreak = command({
  usage: '<machine>',
  options,
  notes: `Whoever holds it stops before its next step. What it was in the middle of goes on there until it ends, and nothing is
begun beside it. The lock of a controller that is gone needs no breaking: the next change takes it over.`,
  run: async call => {
    const machine = oneWord(call, 'machine');
    const { yes, running } = call.values;
    const [shown] = await call.perform('lock.show', { machine });
    if (shown?.lock !== undefined && !yes) {
      const question = `${machine} is ${holderText(shown)}. Break it?`;
      if (!call.terminal.canAsk || call.json)
        throw new AppError('usage', `a lock is broken only when a person says so: ${machine} is ${holderText(shown)}`, {
          hint: 'Say --yes.',
        });
      if (!(await call.terminal.ask(question, call.signal))) return 1;
    }
    const broken = await call.perform('lock.break', { machine, ...given({ running }) });
    const text = (): string =>
      broken.state === 'free'
        ? `${machine} is not locked.`
        : `The lock of ${machine} is broken (before: ${broken.before?.controller ?? ''}, process ${broken.before?.process.split(':')[0] ?? ''}).`;
    return respond(call, broken, text);
  },
});
