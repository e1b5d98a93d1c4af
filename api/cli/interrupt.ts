// Ctrl-C and TERM: the first asks for an orderly stop, the second ends at once.
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

export function watchForInterrupts(process: NodeJS.Process): Interrupts {
  const controller = new AbortController();
  const reason = new AppError('interrupted', 'stopped by a signal');
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
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
