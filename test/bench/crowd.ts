// Many who follow runs and events, in a process of their own: reading takes nothing of the time of what is measured but the machine's.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface CrowdTold {
  readonly following: number;
  /** Messages, of all of them. */
  readonly received: number;
}

export interface Crowd {
  /** Throws when one of them follows no longer: what was measured would be of fewer. */
  told(): Promise<CrowdTold>;
  leave(): Promise<void>;
}

async function answerOf(child: ChildProcess, count: number): Promise<CrowdTold> {
  const ended = new AbortController();
  const died = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`those who follow have ended (${String(code)})`);
  });
  try {
    const [told] = (await Promise.race([once(child, 'message', { signal: ended.signal }), died])) as [CrowdTold];
    if (told.following !== count) throw new Error(`only ${told.following} of ${count} follow`);
    return told;
  } finally {
    died.catch(() => undefined);
    ended.abort();
  }
}

/** Resolves when all of them follow. */
export async function openCrowd(address: string, count: number): Promise<Crowd> {
  const child = fork(fileURLToPath(new URL('crowd-process.ts', import.meta.url)), [address, String(count)]);
  await answerOf(child, count);
  return {
    told: async () => {
      child.send('tell');
      return await answerOf(child, count);
    },
    leave: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
