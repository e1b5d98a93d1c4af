// Ports for thinking without a world: a repository in memory, machines that do not answer, a state folder that remembers its writes.
import { AppError } from '../../schema/errors.js';
import type { Ports, RemoteShell } from '../../reconciler/ports.js';
import { createFakeState } from './state.js';
import { createRedactor } from '../../schema/redact.js';
import { createFakeAudit, type FakeAudit } from './audit.js';
import { createFakeClock, type FakeClock } from './clock.js';
import { createFakeGit, type FakeGit } from './git.js';
import { createFakeJournal, type FakeJournal } from './journal.js';
import { createFakeLog, type FakeLog } from './log.js';
import { createFakeStore, type FakeStore } from './store.js';

export interface FakePorts extends Ports {
  readonly clock: FakeClock;
  readonly log: FakeLog;
  readonly journal: FakeJournal;
  readonly audit: FakeAudit;
  readonly git: FakeGit;
  readonly store: FakeStore;
  /** Documents of the state folder. */
  readonly notes: Map<string, unknown>;
  /** Names of the documents, as they were written. */
  readonly writes: string[];
  /** Cron expressions that are followed now, with what they call. */
  readonly crons: Map<string, () => void>;
}

export function createFakePorts(): FakePorts {
  const notes = new Map<string, unknown>();
  const writes: string[] = [];
  const crons = new Map<string, () => void>();
  const git = createFakeGit();
  const refuse = () => Promise.reject(new AppError('ssh-unreachable', 'it is off'));
  const shell: RemoteShell = {
    run: refuse,
    carry: refuse,
    dial: refuse,
    hostKeys: refuse,
    setMachines: () => undefined,
    close: async () => undefined,
  };
  const state = createFakeState(notes, writes, { processName: '7:70', runs: () => false });
  let ids = 0;
  return {
    source: { git, path: 'registry.yml' },
    shell,
    tunnel: { http: refuse, connect: refuse },
    state,
    journal: createFakeJournal(state),
    clock: createFakeClock(),
    log: createFakeLog(),
    schedule: {
      every: (cron, due) => {
        crons.set(cron, due);
        return () => void crons.delete(cron);
      },
    },
    store: createFakeStore(),
    audit: createFakeAudit(),
    redactor: createRedactor(),
    newId: () => `id${(ids += 1)}`,
    git,
    notes,
    writes,
    crons,
  };
}

/** A registry file of one machine and these services; JSON is YAML. */
export function registryText(services: Readonly<Record<string, object>> = {}, policy: object = {}): string {
  const machines = { m1: { host: '10.0.0.1', user: 'root', platform: 'linux' } };
  return JSON.stringify({ cluster: 'c', machines, services, policy });
}
