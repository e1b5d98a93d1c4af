// `portoser demo`: three embedded machines, a bare repository and the real controller in one process; nothing stays behind.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { recorded } from '../loop/record.js';
import { sessionOf } from '../loop/session.js';
import { runController } from '../loop/turn.js';
import type { Progress } from '../operations/operation.js';
import { joinSignals } from '../../schema/joined-signal.js';
import type { PassReport } from '../../schema/status.js';
import { checks } from '../checks/index.js';
import { drivers } from '../drivers/index.js';
import { claimFolder, folderPrefix, stateIn, sweepLeftovers } from './leftovers.js';
import { startMachines } from './machines.js';
import { openDemoPorts } from './ports.js';
import { makeRepository } from './repository.js';
import { goodbye, greeting, passLines, progressLine, swept, whatToTry } from './words.js';

export interface DemoAsk {
  readonly signal: AbortSignal;
  readonly out: (line: string) => void;
  /** Words that start `portoser`: program and arguments. */
  readonly program: readonly string[];
  /** Stop as soon as everything is up (for tests and for trying it out in a pipe). */
  readonly once?: boolean;
}

const run = promisify(execFile);

/** The example lies beside the sources, or one folder further up from the built program. */
async function exampleFolder(): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const root of [join(here, '../..'), join(here, '../../..')]) {
    const folder = join(root, 'examples/demo');
    try {
      return await realpath(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('examples/demo is not there');
}

/** A work clone for the person, when git is on this machine. */
async function cloneFor(folder: string, bare: string): Promise<string | undefined> {
  const work = join(folder, 'work');
  try {
    await run('git', ['clone', '--quiet', bare, work]);
    await run('git', ['-C', work, 'config', 'user.name', 'you']);
    await run('git', ['-C', work, 'config', 'user.email', 'you@portoser.example']);
    return work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** `portoser`, for this repository and the demo's own notes. */
async function writeLauncher(folder: string, bare: string, program: readonly string[]): Promise<void> {
  const env = `PORTOSER_REPO=${quoted(bare)} PORTOSER_STATE_DIR=${quoted(stateIn(folder))}`;
  const text = `#!/bin/sh\n${env} exec ${program.map(quoted).join(' ')} "$@"\n`;
  await writeFile(join(folder, 'portoser'), text, { mode: 0o755 });
}

/** A pass also settles when something is in the way of a service that only a person can clear. */
const isUp = ({ next, findings, plan }: PassReport): boolean =>
  next.next === 'settled' && findings.length === 0 && plan?.leftAlone.length === 0;

/** Answers the exit code: 0 when everything came up. */
export async function runDemo(ask: DemoAsk): Promise<number> {
  const startedAt = performance.now();
  const parent = await realpath(tmpdir());
  const left = await sweepLeftovers(parent);
  const folder = await mkdtemp(join(parent, folderPrefix));
  await claimFolder(folder);
  // PostgreSQL does not run as root, and its user has to reach its files.
  if (process.geteuid?.() === 0) await chmod(folder, 0o711);
  const stop = new AbortController();
  const { signal } = joinSignals(ask.signal, stop.signal);
  const { machines, registry } = await startMachines(folder);
  let up = false;
  const say = (lines: readonly string[]) => lines.forEach(line => ask.out(line));
  say(left.map(swept));
  try {
    const bare = join(folder, 'demo.git');
    await makeRepository(bare, await exampleFolder(), new Map([['machines.yml', registry]]));
    const work = await cloneFor(folder, bare);
    await writeLauncher(folder, bare, ask.program);
    say(greeting({ folder, machines }));
    const opened = await openDemoPorts(bare, folder);
    const onPass = (report: PassReport) => {
      say(passLines(report));
      if (up || !isUp(report)) return;
      up = true;
      const gateway = sessionOf(opened.ports).parsed?.result.registry?.placements.find(
        one => one.service === 'gateway',
      )?.port;
      say(
        whatToTry({
          seconds: (performance.now() - startedAt) / 1000,
          folder,
          ...(work === undefined ? {} : { work }),
          ...(gateway === undefined ? {} : { gateway }),
        }),
      );
      if (ask.once === true) stop.abort();
    };
    // What is waited for is only worth telling when it takes long, which nothing does here.
    const emit = (progress: Progress) => {
      if (progress.kind !== 'waiting') ask.out(progressLine(progress));
    };
    try {
      const context = recorded({ ports: opened.ports, lists: { drivers, checks }, emit, signal });
      await runController(context, { onPass });
    } finally {
      await opened.close();
    }
    return up ? 0 : 1;
  } finally {
    await Promise.all(machines.map(machine => machine.stop()));
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    ask.out(goodbye);
  }
}
