// Folds triggers: any number of rings while nobody listens make one next pass. A ring says only "look again".

export interface Bell {
  ring(trigger: string): void;
  /** The triggers since the last answer, as soon as there is one; undefined when the signal came first. */
  wait(signal: AbortSignal): Promise<string | undefined>;
}

export function hangBell(): Bell {
  const rung = new Set<string>();
  let wake: () => void = () => undefined;
  return {
    ring: trigger => {
      rung.add(trigger);
      wake();
    },
    wait: async signal => {
      while (rung.size === 0 && !signal.aborted) {
        await new Promise<void>(resolve => {
          const awake = () => {
            signal.removeEventListener('abort', awake);
            resolve();
          };
          wake = awake;
          signal.addEventListener('abort', awake);
        });
      }
      if (signal.aborted) return undefined;
      const triggers = [...rung].join(', ');
      rung.clear();
      return triggers;
    },
  };
}
