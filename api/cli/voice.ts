// Tells how it goes: every change as a line, and what is waited for once a wait is longer than five seconds.
import type { Progress } from '../../reconciler/engine.js';
import type { Paint } from './paint.js';
import type { Terminal } from './terminal.js';

export interface Voice {
  say(progress: Progress): void;
  end(): void;
}

const patienceMs = 5_000;

const place = (progress: Progress): string => progress.key ?? progress.machine ?? '';

/** `web@m1: waits for its health check (until 12:00:40)`, or with the machine where it is not in the key. */
export function progressLine(progress: Progress): string {
  const where = place(progress);
  return where === '' ? progress.text : `${where}: ${progress.text}`;
}

export function createVoice(terminal: Terminal, paint: Paint, more: { readonly quiet: boolean }): Voice {
  const waits = new Map<string, NodeJS.Timeout>();
  const over = (key: string): void => {
    clearTimeout(waits.get(key));
    waits.delete(key);
  };
  function wait(progress: Progress): void {
    over(place(progress));
    if (progress.text === '') return;
    // In JSON too, but never in the answer itself: somebody may look at the other stream.
    const tell = (): void => terminal.err(paint.faint(`waiting: ${progressLine(progress)}`));
    waits.set(place(progress), setTimeout(tell, patienceMs).unref());
  }
  return {
    say: progress => {
      if (progress.kind === 'waiting') return wait(progress);
      over(place(progress));
      if (progress.kind === 'output') terminal.raw(progress.text);
      else if (progress.kind === 'note') terminal.err(paint.warn(`note: ${progressLine(progress)}`));
      else if (progress.kind === 'change' && !more.quiet) terminal.err(progressLine(progress));
      else if (progress.kind === 'step' && !more.quiet && terminal.isTerminal)
        terminal.err(paint.faint(progressLine(progress)));
    },
    end: () => [...waits.keys()].forEach(over),
  };
}
