// What noting costs: a first apply with the journal on disk and history in a database beside one that notes in memory; and a pass after a kill.
import { randomBytes } from 'node:crypto';
import type * as Checks from '../../reconciler/checks/index.js';
import type * as Clocks from '../../reconciler/adapters/clock.js';
import type * as Drivers from '../../reconciler/drivers/index.js';
import type * as Git from '../../reconciler/adapters/git.js';
import type * as Journals from '../../reconciler/adapters/journal-file.js';
import type * as Passes from '../../reconciler/loop/pass.js';
import type * as Postgres from '../../reconciler/adapters/postgres.js';
import type * as Shells from '../../reconciler/adapters/shell.js';
import type * as StateDirs from '../../reconciler/adapters/state-dir.js';
import type * as Stores from '../../reconciler/adapters/store.js';
import type * as Tunnels from '../../reconciler/adapters/tunnel.js';
import type { Ports, Store } from '../../reconciler/ports.js';
import { createRedactor } from '../../schema/redact.js';
import { createFakeAudit } from '../fakes/audit.js';
import { createFakeJournal } from '../fakes/journal.js';
import { createFakeLog } from '../fakes/log.js';
import { createFakeStore } from '../fakes/store.js';
import { built, openSmallFleet, type SmallFleet } from './embedded.js';
import type { Figure } from './figure.js';
import { builtProgram, mustTake, timed } from './product.js';

const newId = (): string => randomBytes(16).toString('hex');

/** `storeUrl` undefined: neither journal nor history leave this process. */
async function openPorts(fleet: SmallFleet, storeUrl: string | undefined) {
  const { systemClock: clock } = await built<typeof Clocks>('adapters/clock');
  const { openGitRepo } = await built<typeof Git>('adapters/git');
  const { openJournal } = await built<typeof Journals>('adapters/journal-file');
  const { openShell } = await built<typeof Shells>('adapters/shell');
  const { openStateDir } = await built<typeof StateDirs>('adapters/state-dir');
  const { openStore } = await built<typeof Stores>('adapters/store');
  const { openTunnel } = await built<typeof Tunnels>('adapters/tunnel');
  const { stateDir } = fleet;
  const log = createFakeLog();
  const shell = openShell();
  const git = await openGitRepo({ address: fleet.repo, stateDir, credentials: {}, log });
  const state = openStateDir(stateDir);
  const store: Store =
    storeUrl === undefined ? createFakeStore() : openStore({ url: storeUrl, state, clock, log, newId });
  const journal = storeUrl === undefined ? createFakeJournal(state) : openJournal(stateDir, state);
  const ports: Ports = {
    source: { git, path: 'registry.yml' },
    shell,
    tunnel: openTunnel(shell),
    state,
    journal,
    clock,
    log,
    schedule: { every: () => () => undefined },
    store,
    audit: createFakeAudit(),
    redactor: createRedactor(),
    newId,
  };
  const close = async (): Promise<void> => {
    await store.close();
    await shell.close();
    await git.close();
    await journal.close();
  };
  return { ports, close };
}

/** To the end of the process: what waits for the database is part of it. */
async function firstApply(storeUrl: string | undefined): Promise<number> {
  const { runPass } = await built<typeof Passes>('loop/pass');
  const { drivers } = await built<typeof Drivers>('drivers/index');
  const { checks } = await built<typeof Checks>('checks/index');
  const fleet = await openSmallFleet();
  try {
    await fleet.commit('good day');
    const { ports, close } = await openPorts(fleet, storeUrl);
    const context = { ports, lists: { drivers, checks }, emit: () => undefined, signal: new AbortController().signal };
    const began = performance.now();
    const report = await runPass(context, { trigger: 'bench', from: 'commit' });
    await close();
    const tookMs = performance.now() - began;
    if (report.next.next !== 'settled') throw new Error(JSON.stringify(report));
    return tookMs;
  } finally {
    await fleet.remove();
  }
}

async function measureNoting(rounds: number): Promise<Figure> {
  const { startPostgres, databaseRole } = await built<typeof Postgres>('adapters/postgres');
  const home = await openSmallFleet();
  const server = await startPostgres(home.stateDir);
  try {
    const url = `socket://${databaseRole}@${server.host}?db=postgres`;
    const [ours, bare]: [number[], number[]] = [[], []];
    await firstApply(url); // makes the tables
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await firstApply(undefined));
      ours.push(await firstApply(url));
    }
    return {
      name: 'first apply of 9 services with journal and history',
      unit: 'ms',
      goal: { kind: 'ratio', most: 1.1 },
      ours,
      reference: { name: 'the same, noted in memory', values: bare },
    };
  } finally {
    await server.stop();
    await home.remove();
  }
}

/** Nobody answers there: recovery is measured without the start of a database. */
const noDatabase = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

async function measureRecovery(rounds: number): Promise<Figure> {
  const fleet = await openSmallFleet();
  const words = [builtProgram, 'run', '--once', '--repo', fleet.repo, '--state-dir', fleet.stateDir];
  const env = { ...fleet.env, ...noDatabase };
  const pass = (): Promise<number> => mustTake(process.execPath, words, 0, env);
  try {
    await fleet.commit('0');
    await pass();
    await fleet.commit('1');
    const counted = await timed(process.execPath, words, { ...env, PORTOSER_CRASH_AT: 'count' });
    const at = /crash point (\d+): before the pass is noted/.exec(counted.output)?.[1];
    if (at === undefined) throw new Error(counted.output);
    const [ours, idle]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      idle.push(await pass());
      await fleet.commit(String(round + 2));
      const killed = await timed(process.execPath, words, { ...env, PORTOSER_CRASH_AT: at });
      if (killed.code !== null) throw new Error(`it was not killed:\n${killed.output}`);
      ours.push(await pass());
    }
    return {
      name: 'the first pass after a kill, by a fresh process',
      unit: 'ms',
      goal: { kind: 'ratio', most: 2 },
      ours,
      reference: { name: 'one that finds nothing to do', values: idle },
      note: 'killed when all was done and nothing noted',
    };
  } finally {
    await fleet.remove();
  }
}

export async function measureDiary(rounds: number): Promise<readonly Figure[]> {
  return [await measureNoting(rounds), await measureRecovery(rounds)];
}
