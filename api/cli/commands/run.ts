// `portoser run`: the controller; with --once one pass, for cron, CI and tests.
import type { Progress } from '../../../reconciler/engine.js';
import { AppError } from '../../../schema/errors.js';
import type { Call } from '../command.js';
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { passExitCode, passText } from '../render/pass.js';
import { respond } from '../respond.js';
import { progressLine } from '../voice.js';

const options = {
  once: { type: 'boolean', summary: 'one pass: 0 in sync, 1 something failed, 2 held or waiting for approval' },
  listen: { type: 'string', value: 'address', summary: 'where the API listens (default: 127.0.0.1:8750), or off' },
  auth: { type: 'string', value: 'token|none', summary: 'none: the API asks for no token; only on this machine' },
} as const;

/** What it does, a line each with its time; no more than that goes to standard output. */
function say(progress: Progress, call: Call<typeof options>): void {
  // What programs print is for who asked for it.
  if (progress.kind === 'waiting' || progress.kind === 'step' || progress.kind === 'output') return;
  const line = `${new Date().toISOString().slice(11, 19)} ${progressLine(progress)}`;
  if (call.values.once || call.json) call.terminal.err(line);
  else call.terminal.out(line);
}

function authOf(written = 'token'): 'token' | 'none' {
  if (written === 'token' || written === 'none') return written;
  throw new AppError('usage', `--auth is token or none, and not \`${written}\``);
}

async function keepRunning(call: Call<typeof options>): Promise<0> {
  const auth = authOf(call.values.auth);
  const { serveBeside } = await import('../serve.js');
  const stopServing = await serveBeside(call, auth, text => say({ kind: 'change', text }, call));
  try {
    await call.perform('run', {});
    return 0;
  } finally {
    await stopServing();
  }
}

export const run = command({
  usage: '',
  options,
  logs: values => values.once !== true,
  interrupted: call => (call.values.once ? 130 : 0),
  notes: `Keeps the machines as the newest commit says, until it is stopped (Ctrl-C or TERM; a second one ends it at once).
Serves the API meanwhile, see /api/docs there; the first start prints a token for an admin, \`portoser token create\` makes more.
Its log goes to standard error: PORTOSER_LOG=debug|info|warn|error|silent, PORTOSER_LOG_FORMAT=json.`,
  voice: say,
  run: async call => {
    noWords(call);
    const { once, listen, auth } = call.values;
    if (!once) return await keepRunning(call);
    if (listen !== undefined || auth !== undefined) throw new AppError('usage', 'with --once nothing listens');
    const report = await call.perform('reconcile', {});
    return respond(call, report, () => passText(report, createPaint(call.terminal.colours)), passExitCode(report));
  },
});
