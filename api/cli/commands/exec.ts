// `portoser exec <service> -- <program…>`: its exit code is passed on.
import type { Progress } from '../../../reconciler/engine.js';
import { AppError } from '../../../schema/errors.js';
import { command, given } from '../command.js';
import { respond } from '../respond.js';

export const exec = command({
  usage: '<service|machine> -- <program> [word…]',
  options: { machine: { type: 'string', value: 'name', summary: 'where the service runs on several' } },
  notes: `Runs the program in the service's folder as its user, in the container of a Docker service, or on the machine
itself. No shell reads its words (write \`sh -c '…'\` where one shall), and its standard input is empty.
The exit code is the program's own; 1 when there is none.`,
  voice: (progress: Progress, call) => {
    if (progress.kind === 'output' && !call.json) call.terminal.raw(progress.text);
  },
  run: async call => {
    const [target, ...words] = call.words;
    if (target === undefined || words.length === 0)
      throw new AppError('usage', 'a service or machine, and a program, are needed');
    const done = await call.perform('exec', { target, command: words, ...given({ machine: call.values.machine }) });
    if (!call.json && done.stderr !== '') call.terminal.err(done.stderr);
    if (done.lost)
      throw new AppError('ssh-lost', `the connection to ${done.machine} was lost; the program may go on there`);
    return respond(call, done, () => '', done.code ?? 1);
  },
});
