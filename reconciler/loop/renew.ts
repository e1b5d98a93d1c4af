// Keeps a machine's lock renewed while something long goes on there.
import { asAppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { DesiredState } from '../../schema/state.js';
import { lines } from '../commands/command.js';
import { checkFence, type LockHolder, renewLock } from '../commands/lock.js';
import { findState } from '../commands/ownership.js';
import { prelude } from '../commands/prelude.js';
import type { Ports } from '../ports.js';
import { pause } from './pause.js';

interface Held {
  readonly ports: Ports;
  readonly machine: Machine;
  readonly desired: DesiredState;
  readonly holder: LockHolder;
}

/** A third of the time after which others may take the lock over. */
const everyMs = 20_000;

/** Not journaled: it is repeated, and one that is cut short loses nothing (DECISIONS.md). */
async function renewOnce(held: Held, fence: string): Promise<void> {
  const command = lines([
    prelude({ nonce: held.ports.newId(), sudo: held.machine.sudo }),
    findState(held.desired.cluster),
    checkFence(fence),
    renewLock(held.holder),
  ]);
  try {
    await held.ports.shell.run(held.machine, command, { timeLimitMs: 10_000 });
  } catch (thrown) {
    // The work itself meets the same fault and reports it; a lost renewal only lets others in after 60 s.
    held.ports.log.debug({ machine: held.machine.name, error: asAppError(thrown).code }, 'lock not renewed');
  }
}

/** `under`: read anew each time, since work that goes on under the same lock raises it. */
export async function renewing<T>(held: Held, under: { readonly fence: string }, work: () => Promise<T>): Promise<T> {
  const done = new AbortController();
  const renewals = (async () => {
    while (await pause(held.ports.clock, everyMs, done.signal))
      if (under.fence !== '') await renewOnce(held, under.fence);
  })();
  try {
    return await work();
  } finally {
    done.abort();
    await renewals;
  }
}
