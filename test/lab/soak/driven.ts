// The controller of the soak: started anew whenever it was killed, its commit and its condition as it stands now.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openEngine } from '../../../reconciler/main.js';
import type { Deployment } from '../../../schema/history.js';
import type { PlanReport } from '../../../reconciler/operations/plan.js';
import type { ControllerStatus } from '../../../schema/status.js';
import { eventually } from '../harness.js';
import type { Controller, Story } from '../story.js';

export interface Sample {
  readonly pid: number;
  readonly rssMB: number;
  readonly files: number;
}

export interface Driven {
  /** Starts it where none runs; one that is armed kills itself at that crash point. */
  ensure(point?: number): void;
  kill(): Promise<void>;
  ended(): boolean;
  /** Of the controller; undefined: none runs now. */
  pid(): number | undefined;
  /** What all of its processes said. */
  output(): string;
  startRival(): void;
  /** Also of a rival. */
  stop(): Promise<void>;
  stopRival(): Promise<number | null>;
  /** Undefined: it has ended, as one does that came to its crash point only now. */
  sample(): Sample | undefined;
  /** What its process waits for, by the kernel, what it has open and what it started: for one that says nothing. */
  stance(): string;
  /** A fresh look at git and the machines, by an engine of its own. */
  plan(): Promise<PlanReport>;
  /** What the controller that runs noted last, from its own file: to ask by `status` would look at all machines. */
  notes(): ControllerStatus | undefined;
  /** As a person does, by an engine of its own beside the controller. Throws where it could not be done. */
  suspend(service: string): Promise<void>;
  resume(service: string): Promise<void>;
  history(service: string): Promise<readonly Deployment[]>;
  /** Intents without a result in journals of the state folder, and journals that nobody writes any more. */
  journal(): readonly string[];
  close(): Promise<void>;
}

/** As the image and the unit of `examples/controller` have it: else V8's young generation, 8 or 32 MB, is most of what memory swings by. */
const asInstalled = '--max-semi-space-size=4';

const asker = { name: 'soak', by: 'cli' } as const;

export function drive(story: Story): Driven {
  const never = new AbortController().signal;
  const flags = { repo: story.repo.bare, stateDir: story.stateDir };
  const env = { PATH: process.env['PATH'], HOME: join(story.stateDir, '..') };
  const engine = openEngine({ flags, env, cwd: story.repo.dir, uid: process.getuid?.(), logs: false });
  const said: Controller[] = [];
  let current: Controller | undefined;
  let rival: Controller | undefined;

  function ensure(point?: number): void {
    if (current !== undefined && !current.ended()) return;
    const armed = point === undefined ? {} : { PORTOSER_CRASH_AT: String(point) };
    current = story.run({ env: { NODE_OPTIONS: asInstalled, ...armed } });
    said.push(current);
  }

  function sample(): Sample | undefined {
    const pid = current?.pid ?? 0;
    const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'utf8'), '');
    if (!status.includes('VmRSS')) return undefined;
    const rssMB = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
    return { pid, rssMB, files: unlessGone(() => readdirSync(`/proc/${pid}/fd`), []).length };
  }

  async function stopRival(): Promise<number | null> {
    const ending = rival;
    if (ending === undefined) return 0;
    // A process that is still being loaded ends by TERM like any other.
    await eventually('the rival has begun', async () => ending.ended() || ending.output().includes('follows '), 60_000);
    rival = undefined;
    return await ending.stop();
  }

  return {
    ensure,
    kill: async () => await current?.kill(),
    ended: () => current?.ended() ?? true,
    pid: () => (current?.ended() === false ? current.pid : undefined),
    output: () => said.map(one => one.output()).join('\n'),
    startRival: () => {
      // It has no database, so that no second one need be started: its history waits on its disk.
      rival ??= story.run({
        stateDir: `${story.stateDir}-of-a-rival`,
        env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
      });
    },
    stopRival,
    stop: async () => {
      await stopRival();
      await current?.stop();
    },
    sample,
    stance: () => unlessGone(() => stanceOf(current?.pid ?? 0), 'it has ended'),
    plan: () => engine.perform('plan', { from: 'commit' }, asker, never),
    notes: () => notesIn(story.stateDir).find(one => one.pid === current?.pid),
    suspend: async service => {
      const asked = { services: [service], reason: 'hands off' };
      for (const { done, error } of (await engine.perform('suspend', asked, asker, never)).machines)
        if (done !== true) throw new Error(`${service} was not suspended: ${error?.message}`);
    },
    resume: async service => {
      for (const { done, error } of (await engine.perform('resume', { services: [service] }, asker, never)).machines)
        if (done?.resumed !== true || done.still.length > 0)
          throw new Error(`${service} was not resumed: ${error?.message ?? done?.still.join()}`);
    },
    history: service => engine.perform('history.list', { service, limit: 30 }, asker, never),
    journal: () => journalIn(story.stateDir),
    close: () => engine.close(),
  };
}

/** Processes and their files go away while one looks. */
function unlessGone<T>(look: () => T, gone: T): T {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return gone;
    throw error;
  }
}

function stanceOf(pid: number): string {
  const own = `/proc/${pid}`;
  const read = (path: string): string => unlessGone(() => readFileSync(`${own}/${path}`, 'utf8').trim(), 'gone');
  const threads = readdirSync(`${own}/task`).map(id => `${id} in ${read(`task/${id}/wchan`)}`);
  const files = readdirSync(`${own}/fd`).map(
    fd => `${fd} ${unlessGone(() => readlinkSync(`${own}/fd/${fd}`), 'gone')}`,
  );
  const state = /^State:.*/m.exec(read('status'))?.[0] ?? '';
  return [`process ${pid}, ${state}`, ...threads, ...files, `children: ${read(`task/${pid}/children`)}`].join('\n');
}

/**
 * Why the world is not at rest on that commit, by the controller's notes and by a fresh look; undefined: it is.
 * `left`: what is to be left alone, and nothing else, as `held n1@m1` (its revision is ill) or `suspended n1@m1`.
 */
export async function unrestOf(
  driven: Driven,
  commit: string,
  left: readonly string[] = [],
): Promise<string | undefined> {
  driven.ensure();
  const { lastPass } = driven.notes() ?? {};
  const result = left.some(one => one.startsWith('held ')) ? 'stalled: ' : 'settled';
  if (lastPass?.commit !== commit || !lastPass.result.startsWith(result))
    return `last pass: ${JSON.stringify(lastPass)}`;
  const { plan, changes, left: open } = await driven.plan();
  const alone = plan?.leftAlone.map(one => `${one.state} ${one.key}`).toSorted();
  if (
    changes > 0 ||
    open > 0 ||
    plan === undefined ||
    plan.machines.length > 0 ||
    alone?.join() !== left.toSorted().join()
  )
    return JSON.stringify({ open, left, plan });
  return driven.journal()[0];
}

/** Texts of the files of that name in what the controller notes on its repository. */
function textsIn(stateDir: string, name: RegExp): readonly (readonly [path: string, text: string])[] {
  const folder = join(stateDir, 'repos');
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => name.test(path));
  return paths.flatMap(path => {
    try {
      return [[path, readFileSync(join(folder, path), 'utf8')] as const];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // a journal goes away when all in it is closed
      throw error;
    }
  });
}

const notesIn = (stateDir: string): readonly ControllerStatus[] =>
  textsIn(stateDir, /\/controller\.json$/).flatMap(([, text]) => (JSON.parse(text) as ControllerStatus | null) ?? []);

function journalIn(stateDir: string): readonly string[] {
  return textsIn(stateDir, /journal\..*\.jsonl/).flatMap(([path, text]) => {
    // The last line may be half written.
    const ids = text
      .split('\n')
      .slice(0, -1)
      .map(row => (JSON.parse(row) as { readonly id: string }).id);
    return ids.filter(id => ids.indexOf(id) === ids.lastIndexOf(id)).map(id => `${path}: ${id} is open`);
  });
}
