// A running controller: how soon it acts on a commit, and how much memory it takes when nothing happens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerStatus } from '../../schema/status.js';
import { type Figure, spread } from './figure.js';
import { type BenchFleet, cluster } from './fleet.js';
import { builtProgram } from './product.js';

interface RunningController {
  /** Resolves when the controller has finished another pass. */
  nextPass(): Promise<void>;
  memoryMB(): number;
  stop(): Promise<void>;
}

const patienceMs = 120_000;

async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(10)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`not within ${patienceMs / 1000} s: ${what}`);
}

/** What the controller noted of its last pass, in the one repository of this state folder. */
function lastPass(fleet: BenchFleet): ControllerStatus['lastPass'] {
  const notes = join(fleet.folder, 'state', 'repos');
  const files = readdirSync(notes).map(scope => join(notes, scope, 'controller.json'));
  const [file] = files.filter(existsSync);
  if (file === undefined) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as ControllerStatus | null)?.lastPass;
}

/** `listen`: where the API stands, or `off`. */
async function startController(fleet: BenchFleet, listen: string): Promise<RunningController> {
  const words = [builtProgram, 'run', ...fleet.where, '--listen', listen];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  fleet.keep(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const end = once(child, 'close');
  let seen: string | undefined;
  const nextPass = async (): Promise<void> => {
    seen = await until('a pass', () => {
      if (child.exitCode !== null) throw new Error(`the controller ended:\n${said}`);
      const pass = lastPass(fleet);
      return pass === undefined || pass.id === seen || pass.result !== 'settled' ? undefined : pass.id;
    });
  };
  return {
    nextPass,
    memoryMB: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    async stop() {
      child.kill('SIGTERM');
      await end;
    },
  };
}

/** Milliseconds since 1970, by the one clock that this machine and the lab's hosts share: when a change last began on the first host. */
async function changeBeganAt(fleet: BenchFleet): Promise<number> {
  const said = await fleet.hosts[0]?.must(`stat -c %.9Y /var/lib/portoser/clusters/${cluster}/fence`);
  return Number(said) * 1000;
}

async function wakeOnce(fleet: BenchFleet, greeting: string): Promise<number> {
  const before = await changeBeganAt(fleet);
  await fleet.commit(greeting);
  const committedAt = statSync(join(fleet.repo.work, '.git/refs/heads/main')).mtimeMs;
  const beganAt = await until('the change', async () => {
    const at = await changeBeganAt(fleet);
    return at > before ? at : undefined;
  });
  return beganAt - committedAt;
}

/** `probeMs`: what a look at the fleet takes here over warm connections. */
export async function measureController(
  fleet: BenchFleet,
  rounds: number,
  probeMs: number,
): Promise<readonly Figure[]> {
  const alone = await whileOneRuns(fleet, 'off', async controller => ({
    wakes: await wakeOften(fleet, controller, rounds),
    memory: await memoryOf(controller, 2 * rounds),
  }));
  const serving = await whileOneRuns(fleet, '127.0.0.1:0', controller => memoryOf(controller, 2 * rounds));
  return [
    wakeFigure(alone.wakes, probeMs),
    memoryFigure('memory of `run`, 10 hosts × 5 services', 130, alone.memory),
    memoryFigure('the same, the HTTP API served too', 150, serving),
  ];
}

async function whileOneRuns<T>(
  fleet: BenchFleet,
  listen: string,
  measure: (controller: RunningController) => Promise<T>,
): Promise<T> {
  const controller = await startController(fleet, listen);
  try {
    await controller.nextPass();
    return await measure(controller);
  } finally {
    await controller.stop();
  }
}

async function wakeOften(fleet: BenchFleet, controller: RunningController, rounds: number): Promise<readonly number[]> {
  const wakes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    wakes.push(await wakeOnce(fleet, `${Date.now()}`));
    await controller.nextPass();
    await controller.nextPass();
  }
  return wakes;
}

async function memoryOf(controller: RunningController, passes: number): Promise<readonly number[]> {
  const memory: number[] = [];
  for (let pass = 0; pass < passes; pass += 1) {
    await controller.nextPass();
    memory.push(controller.memoryMB());
  }
  return memory;
}

function wakeFigure(ours: readonly number[], probeMs: number): Figure {
  return {
    name: 'commit in a local repository → first change begins on a machine',
    unit: 'ms',
    goal: { kind: 'value', most: Math.round(300 + probeMs) },
    ours,
    note: `the goal is 300 ms and one look at the fleet, ${Math.round(probeMs)} ms by OpenSSH`,
  };
}

function memoryFigure(name: string, most: number, ours: readonly number[]): Figure {
  return {
    name,
    unit: 'MB',
    goal: { kind: 'value', most },
    ours,
    note: `resident, its database not counted, after passes that found nothing to do; ${spread(ours).rounds} passes`,
  };
}
