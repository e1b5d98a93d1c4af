// Passes over a fleet: a first apply, then passes with nothing to do, by a fresh process and over warm connections.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type * as main from '../../reconciler/main.js';
import type { Figure } from './figure.js';
import type { BenchFleet } from './fleet.js';
import { builtProgram, mustTake } from './product.js';

type Peers = Readonly<Record<string, readonly number[]>>;

/** Everything of ours is taken away, and the controller's own state with it. */
async function startOver(fleet: BenchFleet): Promise<void> {
  await fleet.onAll('reset');
  rmSync(join(fleet.folder, 'state'), { recursive: true, force: true });
}

const portoser = (fleet: BenchFleet, ...words: readonly string[]): Promise<number> =>
  mustTake(process.execPath, [builtProgram, ...words, ...fleet.where]);

/** Leaves the units of the last round running. */
export async function measureFirstApply(fleet: BenchFleet, rounds: number, peers: Peers): Promise<Figure> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await startOver(fleet);
    floor.push(await fleet.onAll('apply'));
    await startOver(fleet);
    ours.push(await portoser(fleet, 'run', '--once'));
  }
  return {
    name: 'first apply of 50 units on 10 hosts, health gates included',
    unit: 'ms',
    goal: { kind: 'ratio', most: 1.4 },
    ours,
    reference: { name: 'one script a host by ssh', values: floor },
    peers,
  };
}

export async function measureFresh(fleet: BenchFleet, rounds: number, peers: Peers): Promise<Figure> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floor.push(await fleet.onAll('look'));
    ours.push(await portoser(fleet, 'plan', '--committed'));
  }
  return {
    name: 'no-op pass, fresh process (`portoser plan`)',
    unit: 'ms',
    goal: { kind: 'ratio', most: 1.3 },
    ours,
    reference: { name: 'the same facts by ssh', values: floor },
    peers,
  };
}

/** The engine as a controller has it, in this process; the pass of `plan`, which also asks every unit whether it answers. */
async function openPasses(fleet: BenchFleet) {
  const built = new URL('../../dist/reconciler/main.js', import.meta.url).href;
  const { openEngine } = (await import(built)) as typeof main;
  const flags = { repo: fleet.repo.work, stateDir: join(fleet.folder, 'state') };
  const engine = openEngine({ flags, env: process.env, cwd: fleet.folder, uid: process.getuid?.(), logs: false });
  const never = new AbortController().signal;
  return {
    close: () => engine.close(),
    async pass(): Promise<number> {
      const startedAt = performance.now();
      const report = await engine.perform('plan', { from: 'commit' }, { name: 'bench', by: 'cli' }, never);
      const tookMs = performance.now() - startedAt;
      const silent = Object.values(report.health).filter(one => one.state !== 'pass').length;
      if (report.changes > 0 || silent > 0) throw new Error(`${report.changes} changes, ${silent} do not answer`);
      return tookMs;
    },
  };
}

export async function measureWarm(fleet: BenchFleet, rounds: number): Promise<Figure> {
  const ours: number[] = [];
  const floor: number[] = [];
  const passes = await openPasses(fleet);
  try {
    await passes.pass();
    await fleet.onAll('look', fleet.shared(120));
    for (let round = 0; round < rounds; round += 1) {
      floor.push(await fleet.onAll('look', fleet.shared()));
      ours.push(await passes.pass());
    }
  } finally {
    await passes.close();
  }
  return {
    name: 'no-op pass, warm connections',
    unit: 'ms',
    goal: { kind: 'ratio', most: 1.3 },
    ours,
    reference: { name: 'the same facts by ssh', values: floor },
    note: 'OpenSSH shares a connection to each host (ControlMaster), all hosts at once',
  };
}
