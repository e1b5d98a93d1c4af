// `portoser machine doctor`: what is well and what is not on the machines.
import type { OutputOf } from '../../../reconciler/engine.js';
import { command, given } from '../command.js';
import { oneWord } from '../one-word.js';
import { createPaint } from '../paint.js';
import { doctorText } from '../render/doctor.js';
import { respond } from '../respond.js';

/** Problems that were seen come before machines that were not. */
export function doctorExitCode({ level, unseen }: Pick<OutputOf<'machine.doctor'>, 'level' | 'unseen'>): number {
  if (level === 'problem') return 2;
  return unseen.length > 0 ? 1 : 0;
}

export const machineDoctor = command({
  usage: '[machine]',
  options: {},
  notes:
    'Looks and changes nothing. Exit code 0: no problem, 2: there are problems, 1: no problem seen, and a machine could not be looked at.',
  run: async call => {
    const name = call.words.length === 0 ? undefined : oneWord(call, 'machine');
    const doctored = await call.perform('machine.doctor', given({ name }));
    return respond(
      call,
      doctored,
      () => doctorText(doctored, createPaint(call.terminal.colours)),
      doctorExitCode(doctored),
    );
  },
});
