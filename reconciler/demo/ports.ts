// The real adapters for the demo's controller.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createRedactor } from '../../schema/redact.js';
import { openAudit } from '../adapters/audit-file.js';
import { systemClock } from '../adapters/clock.js';
import { openGitRepo } from '../adapters/git.js';
import { openJournal } from '../adapters/journal-file.js';
import { openLog } from '../adapters/log.js';
import { openPost } from '../adapters/post.js';
import { createSchedule } from '../adapters/schedule.js';
import { openShell } from '../adapters/shell.js';
import { openStateDir, scopeOf } from '../adapters/state-dir.js';
import { openTunnel } from '../adapters/tunnel.js';
import { openLazyStore } from '../adapters/store-lazy.js';
import type { Ports } from '../ports.js';
import { stateIn } from './leftovers.js';

export async function openDemoPorts(
  bare: string,
  folder: string,
): Promise<{ readonly ports: Ports; close(): Promise<void> }> {
  const redactor = createRedactor();
  const log = openLog({ level: 'warn', format: 'plain', redactor });
  const stateDir = stateIn(folder);
  const shell = openShell();
  const git = await openGitRepo({ address: bare, stateDir: join(stateDir, 'git'), credentials: {}, log });
  // As `portoser run` has them, so that commands find the demo's controller and its history.
  const scope = scopeOf(git.address, git.branch);
  const state = openStateDir(stateDir, scope);
  const newId = () => randomBytes(16).toString('hex');
  const ports: Ports = {
    source: { git, path: 'registry.yml' },
    shell,
    tunnel: openTunnel(shell),
    state,
    journal: openJournal(join(stateDir, scope), state),
    clock: systemClock,
    log,
    schedule: createSchedule(log),
    store: openLazyStore({ state, clock: systemClock, log, newId, redactor, guest: true }),
    audit: openAudit(stateDir),
    redactor,
    post: openPost({ env: process.env, folder: join(folder, 'notify') }),
    newId,
  };
  const release = await state.lock();
  ports.store.serve();
  const close = async () => {
    await ports.store.close();
    await release();
    await shell.close();
    await git.close();
    await ports.journal.close();
  };
  return { ports, close };
}
