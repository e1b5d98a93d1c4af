// Watches the branch: a poll with jitter everywhere, the refs themselves where the repository is local, hints of others. Rings for a new head.
import { asAppError } from '../../schema/errors.js';
import type { ControllerStatus } from '../../schema/status.js';
import type { GitRepo, Ports } from '../ports.js';
import type { Bell } from './bell.js';
import { pause } from './pause.js';
import { around } from './spread.js';

const pollMs = 30_000;
/** Forges may tell of a push before they show it; and however many tell, nobody is asked more often than that for them. */
const hintedMs = 3_000;

export interface GitWatch {
  /** The newest head seen; undefined: none yet. */
  head(): string | undefined;
  status(): ControllerStatus['git'];
  /** Somebody says that the branch moved: looks now, as the poll does, and once more where nothing is seen. False: a look that is due sees to it. */
  hint(): boolean;
  stop(): Promise<void>;
}

export async function watchGit(ports: Ports, git: GitRepo, bell: Bell): Promise<GitWatch> {
  let head: string | undefined;
  let status: ControllerStatus['git'] = { result: 'not checked yet' };

  const over = new AbortController();

  /** Whether the head is another one than before. */
  const ask = async (trigger: string): Promise<boolean> => {
    const checkedAt = ports.clock.now();
    try {
      const newest = await git.remoteHead();
      status = { ...status, checkedAt, result: 'ok' };
      const [before, moved] = [head, head !== newest];
      head = newest;
      if (moved && (before !== undefined || trigger === 'webhook')) bell.ring(trigger);
      return moved;
    } catch (thrown) {
      const error = asAppError(thrown);
      if (status.result !== error.message)
        ports.log.warn({ code: error.code, repository: git.address }, 'repository not reached');
      status = { ...status, checkedAt, result: error.message };
      return false;
    }
  };

  /** One after the other, so that a slow answer never comes after a newer one. */
  let last = Promise.resolve(false);
  const check = (trigger = 'new commit'): Promise<boolean> => (last = last.then(() => ask(trigger)));

  let hinted: Promise<void> | undefined;
  let hintedAgain = false;
  const followHints = async (): Promise<void> => {
    for (let round = 0; ; round += 1) {
      hintedAgain = false;
      const moved = await check('webhook');
      if (!(await pause(ports.clock, hintedMs, over.signal))) return;
      if (!hintedAgain && (moved || round > 0)) return;
    }
  };

  const stopWatching = await watchRefs(ports, git, () => void check());
  const poll = (async () => {
    await check();
    for (let round = 0; !over.signal.aborted; round += 1) {
      const delayMs = around(pollMs, 0.1, `${git.address} ${round}`);
      status = { ...status, nextCheckAt: ports.clock.now() + delayMs };
      if (!(await pause(ports.clock, delayMs, over.signal))) return;
      await check();
    }
  })();
  return {
    head: () => head,
    status: () => status,
    hint: () => {
      hintedAgain = true;
      if (hinted !== undefined) return false;
      hinted = followHints().finally(() => (hinted = undefined));
      return true;
    },
    stop: async () => {
      over.abort();
      await stopWatching();
      await poll;
      await hinted;
      await last;
    },
  };
}

/** Where the refs cannot be watched, the poll sees them all the same, only later. */
async function watchRefs(ports: Ports, git: GitRepo, changed: () => void): Promise<() => Promise<void>> {
  try {
    return await git.watch(changed);
  } catch (thrown) {
    ports.log.warn({ code: asAppError(thrown).code, repository: git.address }, 'repository not watched');
    return async () => undefined;
  }
}
