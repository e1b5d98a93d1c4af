// The real adapters for the demo's controller.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../adapters/clock.js';
import { openGitRepo } from '../adapters/git.js';
import { openJournal } from '../adapters/journal-file.js';
import { openLog } from '../adapters/log.js';
import { createSchedule } from '../adapters/schedule.js';
import { openShell } from '../adapters/shell.js';
import { openStateDir } from '../adapters/state-dir.js';
import { openTunnel } from '../adapters/tunnel.js';
import { AppError } from '../../schema/errors.js';
import type { Ports, Store } from '../ports.js';

const none = new AppError('store-none', 'the demo keeps no history');
const refuse = () => Promise.reject(none);

/** A database would make a user on this machine, and the demo leaves nothing behind. */
const noStore: Store = {
  record: () => undefined,
  serve: () => undefined,
  state: () => ({ state: 'none', why: none.message, hint: none.hint }),
  deployments: refuse,
  deployment: refuse,
  events: refuse,
  transitions: refuse,
  close: async () => undefined,
};

export async function openDemoPorts(
  bare: string,
  folder: string,
): Promise<{ readonly ports: Ports; close(): Promise<void> }> {
  const log = openLog({ level: 'warn', format: 'plain' });
  const stateDir = join(folder, 'state');
  const shell = openShell();
  const git = await openGitRepo({ address: bare, stateDir, credentials: {}, log });
  const state = openStateDir(stateDir);
  const ports: Ports = {
    source: { git, path: 'registry.yml' },
    shell,
    tunnel: openTunnel(shell),
    state,
    journal: openJournal(stateDir, state),
    clock: systemClock,
    log,
    schedule: createSchedule(log),
    store: noStore,
    newId: () => randomBytes(8).toString('hex'),
  };
  const close = async () => {
    await shell.close();
    await git.close();
    await ports.journal.close();
  };
  return { ports, close };
}
