// A small real world for passes: a bare repository, machines that are folders of this one with real shells and processes, state in memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { RunTold } from '../../schema/live.js';
import type { PassReport } from '../../schema/status.js';
import { carryBytes, type OpenStreams } from '../../reconciler/adapters/carry.js';
import { openStreams, streamShell } from '../../reconciler/adapters/shell-stream.js';
import { systemClock } from '../../reconciler/adapters/clock.js';
import { endProcesses, findProcesses, markerName } from '../../reconciler/adapters/embedded-processes.js';
import { openGitRepo } from '../../reconciler/adapters/git.js';
import { checks } from '../../reconciler/checks/index.js';
import { display, render, renderStream } from '../../reconciler/commands/command.js';
import { drivers } from '../../reconciler/drivers/index.js';
import { type PassAsk, runPass } from '../../reconciler/loop/pass.js';
import type { Lists, Progress } from '../../reconciler/operations/operation.js';
import type { CommandResult, GitRepo, Ports, RemoteShell, RunLimits } from '../../reconciler/ports.js';
import { answerFaults } from '../answers.js';
import { commitFiles, git, makeRepo } from '../contracts/git-fixture.js';
import { createRedactor } from '../../schema/redact.js';
import { createFakeAudit } from '../fakes/audit.js';
import { createFakeJournal, type FakeJournal } from '../fakes/journal.js';
import { createFakeLog, type FakeLog } from '../fakes/log.js';
import { createFakeState } from '../fakes/state.js';
import { createFakeStore, type FakeStore } from '../fakes/store.js';

export interface World {
  readonly ports: Ports;
  readonly lists: Lists;
  readonly journal: FakeJournal;
  readonly log: FakeLog;
  readonly store: FakeStore;
  readonly told: Progress[];
  /** What was told to who follows, and whether somebody does. */
  readonly followed: RunTold[];
  follows: boolean;
  /** Documents of the controller's state folder, and how often each was written. */
  readonly notes: Map<string, unknown>;
  readonly writes: string[];
  /** Machines that do not answer. */
  readonly down: Set<string>;
  /** What was sent, as `m1 probe|batch|stamps|culprit|other`. */
  readonly sent: string[];
  /** Called before a script is run; may throw as a lost machine does. */
  before: (machine: string, kind: string) => Promise<void>;
  /** Called when it was run, before its answer is told. */
  after: (machine: string, kind: string) => Promise<void>;
  /** Stands for a sleep of so long, where a test decides when it ends; undefined: the clock does. */
  sleeps: (ms: number) => Promise<void> | undefined;
  readonly clone: string;
  readonly bare: string;
  /** Commits and pushes a registry with these services. */
  push(services: Readonly<Record<string, object>>, more?: Pushed): Promise<string>;
  pass(ask?: Partial<PassAsk>): Promise<PassReport>;
  /** Folder of a machine, with its cluster's state and what services have. */
  folder(machine: string): string;
  readStamp(machine: string, service: string): string | undefined;
  close(): Promise<void>;
}

export interface Pushed {
  readonly files?: Readonly<Record<string, string>>;
  readonly machines?: readonly string[];
  readonly policy?: object;
  /** Further keys of the registry. */
  readonly top?: object;
}

/** What a script is for, by its words. */
function kindOf(text: string): string {
  if (text.includes('p_say facts')) return 'probe';
  if (text.includes('p_note done')) return 'batch';
  if (text.includes('p_say ours')) return 'culprit';
  return text.includes('p_land || exit 73') ? 'stamps' : 'other';
}

export async function createWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'portoser-world-'));
  const marker = root.slice(root.lastIndexOf('/') + 1);
  const { bare, clone } = await makeRepo(root);
  const running = new Set<ChildProcess>();
  const notes = new Map<string, unknown>();
  const [writes, sent, told]: [string[], string[], Progress[]] = [[], [], []];
  const followed: RunTold[] = [];
  const down = new Set<string>();
  const log = createFakeLog();
  const store = createFakeStore();
  const folder = (machine: string) => join(root, machine);

  async function runScript(machine: string, script: string, limits: RunLimits): Promise<CommandResult> {
    const home = folder(machine);
    mkdirSync(home, { recursive: true });
    const env = { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: join(home, 'state'), [markerName]: marker };
    const child = spawn('sh', ['-s'], { env, stdio: 'pipe', detached: true });
    running.add(child);
    const limit = setTimeout(() => child.kill('SIGKILL'), limits.timeLimitMs);
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      texts.stdout += chunk.toString();
      limits.onOutput?.(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
    child.stdin.end(script);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(limit);
    running.delete(child);
    return {
      machine,
      display: '',
      code,
      ...texts,
      durationMs: 0,
      timedOut: code === null,
      lost: false,
      truncated: false,
    };
  }

  /** As `runScript`, with its standard input and output as streams. */
  const openStream: OpenStreams = async ({ machine, command }) => {
    const home = folder(machine.name);
    const env = { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: join(home, 'state'), [markerName]: marker };
    const child = spawn('sh', ['-c', streamShell], { env, stdio: 'pipe', detached: true });
    running.add(child);
    const ending = once(child, 'close').then(([code]) => {
      running.delete(child);
      return { code: code as number | null, lost: false };
    });
    const run = {
      machine: machine.name,
      display: '',
      script: renderStream(command),
      limits: { timeLimitMs: 1 },
      root: false,
    };
    const { stdin, stdout, stderr } = child;
    const streams = { stdin, stdout, stderr, exited: ending, closed: ending, abandon: () => undefined };
    return openStreams(run, streams, async pid => process.kill(-pid, 'SIGKILL'));
  };

  const refuse = () => Promise.reject(new AppError('not-supported', 'not in this world'));
  const shell: RemoteShell = {
    run: async (machine, command, limits) => {
      const kind = kindOf(display(command));
      sent.push(`${machine.name} ${kind}`);
      await world.before(machine.name, kind);
      if (down.has(machine.name)) throw new AppError('ssh-unreachable', `${machine.name} cannot be reached`);
      const answer = await runScript(machine.name, render(command), limits);
      await world.after(machine.name, kind);
      return answer;
    },
    carry: async (from, to, limits) => {
      sent.push(`${from.machine.name} ${to.machine.name} carry`);
      await world.before(to.machine.name, 'carry');
      const off = [from, to].find(end => down.has(end.machine.name));
      if (off !== undefined) throw new AppError('ssh-unreachable', `${off.machine.name} cannot be reached`);
      return await carryBytes(openStream, from, to, limits);
    },
    dial: refuse,
    hostKeys: refuse,
    setMachines: () => undefined,
    close: async () => undefined,
  };
  const repo: GitRepo = await openGitRepo({ address: bare, stateDir: join(root, 'controller'), credentials: {}, log });
  let ids = 0;
  const state = createFakeState(notes, writes, {
    processName: `${process.pid}:1`,
    runs: name => name === `${process.pid}:1`,
  });
  const journal = createFakeJournal(state);
  const ports: Ports = {
    source: { git: repo, path: 'registry.yml' },
    shell,
    tunnel: { http: refuse, connect: refuse },
    state,
    journal,
    clock: { ...systemClock, sleep: (ms, signal) => world.sleeps(ms) ?? systemClock.sleep(ms, signal) },
    log,
    schedule: { every: () => () => undefined },
    store,
    bus: { tell: one => void followed.push(one as RunTold), followed: () => world.follows },
    audit: createFakeAudit(),
    redactor: createRedactor(),
    newId: () => `a${(ids += 1)}`,
  };
  const lists: Lists = { drivers, checks };
  const context = { ports, lists, emit: (one: Progress) => void told.push(one), signal: new AbortController().signal };

  async function push(services: Readonly<Record<string, object>>, more: Pushed = {}): Promise<string> {
    const names = more.machines ?? ['m1', 'm2'];
    const addressOf = (name: string) => ({ host: `${name}.test`, user: 'u', platform: 'linux' });
    const machines = Object.fromEntries(names.map(name => [name, addressOf(name)]));
    const placed = Object.entries(services).map(([name, one]) => [name, serviceOf(name, one)]);
    const registry = {
      cluster: 'c',
      machines,
      services: Object.fromEntries(placed),
      policy: { retries: 0, ...more.policy },
      ...more.top,
    };
    const files = { 'registry.yml': JSON.stringify(registry), ...more.files };
    const commit = await commitFiles(clone, files);
    await git(clone, 'push', '--quiet', '--force', 'origin', 'HEAD:trunk');
    return commit;
  }

  /** A process that is up at once: its health asks nothing of it. */
  const serviceOf = (name: string, one: object) => ({
    type: 'local',
    scope: 'none',
    path: join(root, 'm1', name),
    command: 'sleep 1000',
    stop_timeout: '1s',
    health: { type: 'command', command: ['true'], deadline: '5s' },
    ...one,
  });

  const world: World = {
    ports,
    lists,
    journal,
    log,
    store,
    told,
    followed,
    follows: false,
    notes,
    writes,
    down,
    sent,
    before: async () => undefined,
    after: async () => undefined,
    sleeps: () => undefined,
    clone,
    bare,
    push,
    folder,
    pass: async ask => {
      const report = await runPass(context, { trigger: 'test', from: 'commit', ...ask });
      const fault = answerFaults('reconcile', report);
      if (fault !== undefined) throw new TypeError(fault);
      return report;
    },
    readStamp: (machine, service) =>
      readOrUndefined(join(folder(machine), 'state/portoser/clusters/c/stamps', service)),
    close: async () => {
      // What they started may hold their outputs open: they close when that is ended, too.
      const closed = [...running].map(child => once(child, 'close'));
      for (const child of running) child.kill('SIGKILL');
      await endProcesses(() => findProcesses(marker, new Set()), 500);
      await Promise.all(closed);
      await repo.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
  return world;
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Outcomes in order of their keys: `web@m1 applied create`. */
export function outcomesOf(report: PassReport): readonly string[] {
  const rows = report.outcomes.map(one => {
    if (one.result === 'applied') return `${one.key} applied ${one.kind}`;
    return one.result === 'failed' ? `${one.key} failed ${one.error.code}` : `${one.key} ${one.result} ${one.why}`;
  });
  return rows.toSorted();
}

export const touch = (path: string, text = ''): void => writeFileSync(path, text);
