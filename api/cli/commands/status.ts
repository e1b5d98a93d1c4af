// `portoser status`: is git what runs, and is everything healthy.
import type { Call, ExitCode } from '../command.js';
import { command } from '../command.js';
import { createPaint } from '../paint.js';
import { isWell, statusText } from '../render/status.js';
import { respond } from '../respond.js';

const options = {
  watch: { type: 'boolean', short: 'w', summary: 'show it again every five seconds, until interrupted' },
} as const;

const everyMs = 5_000;

async function showOnce(call: Call<typeof options>): Promise<ExitCode> {
  const report = await call.perform('status', {});
  if (call.values.watch && call.terminal.isTerminal && !call.json) call.terminal.clear();
  const failed = report.diagnostics.some(one => one.severity === 'error');
  return respond(
    call,
    report,
    () => statusText(report, createPaint(call.terminal.colours)),
    failed ? 1 : isWell(report) ? 0 : 2,
  );
}

export const status = command({
  usage: '',
  options,
  notes: 'Exit code 0: all synced and healthy, 2: something is not, 1: an error.',
  run: async call => {
    const code = await showOnce(call);
    while (call.values.watch && !call.signal.aborted) {
      await call.pause(everyMs);
      if (!call.signal.aborted) await showOnce(call);
    }
    return code;
  },
});
