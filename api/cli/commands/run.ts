// `portoser run`: the controller; with --once one pass, for cron, CI and tests.
import type { Progress } from '../../../reconciler/engine.js';
import type { Call } from '../command.js';
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { passExitCode, passText } from '../render/pass.js';
import { respond } from '../respond.js';
import { progressLine } from '../voice.js';

const options = {
  once: { type: 'boolean', summary: 'one pass: 0 in sync, 1 something failed, 2 held or waiting for approval' },
  listen: { type: 'string', value: 'address', summary: 'where the controller listens' },
} as const;

/** What it does, a line each with its time; no more than that goes to standard output. */
function say(progress: Progress, call: Call<typeof options>): void {
  if (progress.kind === 'waiting' || progress.kind === 'step') return;
  const line = `${new Date().toISOString().slice(11, 19)} ${progressLine(progress)}`;
  if (call.values.once || call.json) call.terminal.err(line);
  else call.terminal.out(line);
}

export const run = command({
  usage: '',
  options,
  logs: values => values.once !== true,
  interrupted: call => (call.values.once ? 130 : 0),
  notes: `Keeps the machines as the newest commit says, until it is stopped (Ctrl-C or TERM; a second one ends it at once).
Its log goes to standard error: PORTOSER_LOG=debug|info|warn|error|silent, PORTOSER_LOG_FORMAT=json.`,
  voice: say,
  run: async call => {
    noWords(call);
    if (!call.values.once) {
      await call.perform('run', {});
      return 0;
    }
    const report = await call.perform('reconcile', {});
    return respond(call, report, () => passText(report, createPaint(call.terminal.colours)), passExitCode(report));
  },
});
