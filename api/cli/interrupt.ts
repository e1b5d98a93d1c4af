// Ctrl-C and TERM: the first asks for an orderly stop, a later one ends at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../schema/errors.js';

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Never resolves; rejects at the first interrupt. */
  readonly interrupted: Promise<never>;
  /** Resolves after that long, or at the first interrupt. */
  readonly pause: (ms: number) => Promise<void>;
  readonly end: () => void;
}

/** One Ctrl-C may come twice: to the whole group by the terminal, and passed on by npm or a script above us. */
const sameMs = 1000;

export function watchForInterrupts(process: NodeJS.Process): Interrupts {
  const controller = new AbortController();
  const reason = new AppError('interrupted', 'stopped by a signal');
  let firstAt = 0;
  const stop = (): void => {
    const now = performance.now();
    if (!controller.signal.aborted) firstAt = now;
    else if (now - firstAt > sameMs) process.exit(130);
    controller.abort(reason);
  };
  const interrupted = new Promise<never>((_, reject) =>
    controller.signal.addEventListener('abort', () => reject(reason)),
  );
  // Nobody may be waiting for it when it comes.
  interrupted.catch(() => undefined);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, stop);
  const pause = async (ms: number): Promise<void> => {
    try {
      await sleep(ms, undefined, { signal: controller.signal });
    } catch (error) {
      if (!controller.signal.aborted) throw error;
    }
  };
  return { pause, signal: controller.signal, interrupted, end: () => signals.forEach(name => process.off(name, stop)) };
}
