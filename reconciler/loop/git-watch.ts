// Watches the branch: a poll with jitter everywhere, the refs themselves where the repository is local. Rings for a new head.
import { asAppError } from '../../schema/errors.js';
import type { ControllerStatus } from '../../schema/status.js';
import type { GitRepo, Ports } from '../ports.js';
import type { Bell } from './bell.js';
import { pause } from './pause.js';
import { around } from './spread.js';

const pollMs = 30_000;

export interface GitWatch {
  /** The newest head seen; undefined: none yet. */
  head(): string | undefined;
  status(): ControllerStatus['git'];
  stop(): Promise<void>;
}

export async function watchGit(ports: Ports, git: GitRepo, bell: Bell): Promise<GitWatch> {
  let head: string | undefined;
  let status: ControllerStatus['git'] = { result: 'not checked yet' };

  const over = new AbortController();

  const ask = async (): Promise<void> => {
    const checkedAt = ports.clock.now();
    try {
      const newest = await git.remoteHead();
      status = { ...status, checkedAt, result: 'ok' };
      if (head !== undefined && head !== newest) bell.ring('new commit');
      head = newest;
    } catch (thrown) {
      const error = asAppError(thrown);
      if (status.result !== error.message)
        ports.log.warn({ code: error.code, repository: git.address }, 'repository not reached');
      status = { ...status, checkedAt, result: error.message };
    }
  };

  /** One after the other, so that a slow answer never comes after a newer one. */
  let last = Promise.resolve();
  const check = (): Promise<void> => (last = last.then(ask));

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
    stop: async () => {
      over.abort();
      await stopWatching();
      await poll;
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
