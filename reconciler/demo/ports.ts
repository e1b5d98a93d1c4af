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
import type { Ports } from '../ports.js';

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
    newId: () => randomBytes(8).toString('hex'),
  };
  const close = async () => {
    await shell.close();
    await git.close();
    await ports.journal.close();
  };
  return { ports, close };
}
