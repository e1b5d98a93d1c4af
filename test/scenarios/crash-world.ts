// Three embedded machines, a repository and the built program as its controller: a world in which that may be killed anywhere.
import type { Intent } from '../../schema/journal.js';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedMachine, startEmbeddedMachine } from '../../reconciler/adapters/embedded-machine.js';
import { openEngine } from '../../reconciler/main.js';
import type { Deployment } from '../../schema/history.js';
import type { Plan } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';
import { writeKey } from '../adapters/ssh-key.js';
import { commitFiles, git, makeRepo } from '../contracts/git-fixture.js';
import { filesBelow } from '../commands/batch-machine.js';
import { waitingHistory } from '../history-law.js';

export const machineNames = ['m1', 'm2', 'm3'] as const;

/** `folder`: where it lives; default: one of its name. */
type Wish = Readonly<Record<string, unknown>> & { readonly folder?: string };
export type Placed = Readonly<Record<string, Wish>>;

/** A program that notes how much of its file it finds each time it is started, and then stays. */
const program = 'wc -c <payload >>starts\nexec sleep 1000\n';
const payload = (text: string): string => text.repeat(20_000);

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly err: string;
  /** Absent when it was killed. */
  readonly report?: PassReport;
}

/** `portoser run`, until it is stopped. */
export interface Running {
  /** Both outputs so far. */
  said(): string;
  /** TERM; how it ended. */
  stop(): Promise<number | string | null>;
}

export interface CrashWorld {
  /** The controller's state folder; nothing is made there before the first write. */
  readonly state: string;
  /** Commits services: `machine` and what differs from the others. */
  push(services: Placed, text?: string, policy?: object): Promise<void>;
  /** `portoser run`, with more environment. */
  start(more?: NodeJS.ProcessEnv): Running;
  /** `portoser run --once`; `crashAt` arms it. */
  once(crashAt?: string): Promise<Ended>;
  /** Again and again until it is in sync (2: as far as it can be, with something held). Answers how it went each time. */
  converge(code?: 0 | 2): Promise<readonly Ended[]>;
  plan(): Promise<Plan | undefined>;
  /** What each start of a service found, oldest first: `40000` when its file was whole. */
  starts(folder: string): readonly string[];
  /** Files that are neither absent nor whole. */
  halves(): readonly string[];
  /** What history of passes of `once` says, newest first: they have no database, so it waits on the disk. */
  history(): Promise<readonly Deployment[]>;
  /** Ids of intents without a result. */
  /** Ids; `but`: of all that do not write there. */
  openIntents(but?: Intent['to']): Promise<readonly string[]>;
  /** Locks, step folders, temporary files and open intents. */
  leftovers(): readonly string[];
  close(): Promise<void>;
}

const whole: Readonly<Record<string, readonly string[]>> = {
  'run.sh': [program],
  payload: [payload('x'), payload('y')],
};

export const wholeSize = String(payload('x').length);

function halvesBelow(folder: string): readonly string[] {
  return filesBelow(folder).filter(path => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return whole[name] !== undefined && !whole[name].includes(readFileSync(path, 'utf8'));
  });
}

function entriesOf(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map(name => join(folder, name)) : [];
}

/** What must not stand in a machine's state folder, nor beside files of services, when nothing is going on. */
function leftOn(machine: string): readonly string[] {
  const state = join(machine, 'state/portoser/clusters/crash');
  const temporary = filesBelow(machine).filter(path => /\.new(\.|$)|portoser-new|lock/.test(path));
  return [...temporary, ...entriesOf(join(state, 'steps')), ...entriesOf(join(state, 'incoming'))];
}

/** What is left for the machines to end is found by reading all of /proc, several times. */
function endServices(machine: string): void {
  for (const record of filesBelow(join(machine, 'state/portoser/clusters/crash/supervise'))) {
    const pid = Number(/^\d+/.exec(readFileSync(record, 'utf8'))?.[0]);
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

export async function createCrashWorld(main: string): Promise<CrashWorld> {
  const top = await mkdtemp(join(tmpdir(), 'portoser-crash-'));
  const state = join(top, 'controller');
  const keyFile = join(top, 'key');
  const authorizedKey = await writeKey(keyFile);
  const folderOf = (machine: string): string => join(top, 'machines', machine);
  const machines: readonly EmbeddedMachine[] = await Promise.all(
    machineNames.map(name => startEmbeddedMachine({ name, folder: folderOf(name), authorizedKey })),
  );
  const { bare, clone } = await makeRepo(top);
  const env = {
    PATH: process.env['PATH'],
    HOME: top,
    USER: 'ada',
    XDG_STATE_HOME: top,
    PORTOSER_STATE_DIR: state,
    PORTOSER_LISTEN: 'off',
  };
  const running = new Set<ChildProcess>();

  const machineEntries = machines.map(({ name, host, port, user, hostKey }) => {
    const platform = process.platform === 'darwin' ? 'darwin' : 'linux';
    return [name, { host, port, user, platform, ssh_key: keyFile, host_key: hostKey }] as const;
  });

  const entryOf = (name: string, { folder = name, ...one }: Wish) => ({
    type: 'local',
    scope: 'none',
    path: join(top, 'machines/services', folder),
    source: 'app',
    command: 'sh run.sh',
    stop_timeout: '2s',
    health: { type: 'command', command: ['true'], deadline: '60s' },
    ...one,
  });

  async function push(services: Placed, text = 'x', policy: object = {}): Promise<void> {
    const entries = Object.entries(services).map(([name, one]) => [name, entryOf(name, one)]);
    const registry = {
      cluster: 'crash',
      policy,
      machines: Object.fromEntries(machineEntries),
      services: Object.fromEntries(entries),
    };
    const files = { 'registry.yml': JSON.stringify(registry), 'app/run.sh': program, 'app/payload': payload(text) };
    await commitFiles(clone, files);
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:trunk');
  }

  async function runOnce(crashAt?: string): Promise<Ended> {
    const words = [main, 'run', '--once', '--json', '--repo', bare];
    // Nobody answers there: what is noted waits in the state folder, whatever databases this machine has.
    const away = { ...env, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    const armed = crashAt === undefined ? away : { ...away, PORTOSER_CRASH_AT: crashAt };
    const child = spawn(process.execPath, words, { env: armed, cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const texts = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.out += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (texts.err += String(chunk)));
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    running.delete(child);
    const report = code === null ? {} : { report: JSON.parse(texts.out) as PassReport };
    return { code, signal, err: texts.err, ...report };
  }

  function start(more: NodeJS.ProcessEnv = {}): Running {
    const words = [main, 'run', '--repo', bare];
    const child = spawn(process.execPath, words, {
      env: { ...env, ...more },
      cwd: top,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += String(chunk)));
    const end = once(child, 'close');
    return {
      said: () => text,
      async stop() {
        child.kill('SIGTERM');
        const [code, signal] = (await end) as [number | null, string | null];
        running.delete(child);
        return code ?? signal;
      },
    };
  }

  async function converge(code = 0): Promise<readonly Ended[]> {
    const went: Ended[] = [];
    for (let ended = await runOnce(); ; ended = await runOnce()) {
      went.push(ended);
      if (ended.code === code) return went;
      // Steps of the killed run may still work over there: then the next pass looks again.
      if (went.length > 30)
        throw new Error(`it does not converge: ${JSON.stringify([went.slice(0, 3), went.slice(-1)], null, 1)}`);
      await sleep(100);
    }
  }

  async function plan(): Promise<Plan | undefined> {
    const engine = openEngine({ flags: { repo: bare, stateDir: state }, env, cwd: top, uid: undefined, logs: false });
    try {
      const { signal } = new AbortController();
      return (await engine.perform('plan', { from: 'commit' }, { name: 'test', by: 'cli' }, signal)).plan;
    } finally {
      await engine.close();
    }
  }

  return {
    state,
    push,
    start,
    once: runOnce,
    converge,
    plan,
    starts: folder => {
      const path = join(top, 'machines/services', folder, 'starts');
      return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
    },
    history: () => waitingHistory(state),
    openIntents: async but => {
      const files = filesBelow(state).filter(path => /\/journal\.[^/]*\.jsonl$/.test(path));
      const rows = files.flatMap(path => readFileSync(path, 'utf8').trim().split('\n')).filter(Boolean);
      interface Row {
        readonly id: string;
        readonly to?: Intent['to'];
        readonly endedAt?: number;
      }
      const read = rows.map(row => JSON.parse(row) as Row);
      // One that found no room on the disk has an end and no beginning.
      const ended = new Set(read.flatMap(({ id, endedAt }) => (endedAt === undefined ? [] : [id])));
      const open = read.filter(({ id, to, endedAt }) => endedAt === undefined && !ended.has(id) && to !== but);
      return open.map(({ id }) => id);
    },
    halves: () => halvesBelow(join(top, 'machines')),
    leftovers: () => [
      ...machineNames.flatMap(name => leftOn(folderOf(name))),
      ...filesBelow(join(top, 'machines/services')).filter(path => /portoser-(new|copy)/.test(path)),
      ...filesBelow(state).filter(path => /journal|\.tmp$/.test(path)),
    ],
    close: async () => {
      for (const child of running) child.kill('SIGKILL');
      machineNames.forEach(name => endServices(folderOf(name)));
      await Promise.all(machines.map(machine => machine.stop()));
      await rm(top, { recursive: true, force: true });
    },
  };
}
