// Machines as health checks meet them: ports that answer, refuse or hang, runners in a state, commands with an exit code.
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { RunnerView } from '../../reconciler/checks/check.js';
import { checks } from '../../reconciler/checks/index.js';
import { renderBody, sh } from '../../reconciler/commands/command.js';
import type { Driver, RunnerSeen } from '../../reconciler/drivers/driver.js';
import type { CheckPorts } from '../../reconciler/loop/ask.js';
import type { CommandResult, HttpAnswer, RemoteShell, Tunnel } from '../../reconciler/ports.js';
import { createFakeClock, type FakeClock } from './clock.js';
import { createFakeLog, type FakeLog } from './log.js';

export type PortState = HttpAnswer | 'refused' | 'hangs' | 'forward refused';

export interface CheckedWorld {
  readonly clock: FakeClock;
  readonly log: FakeLog;
  readonly ports: CheckPorts;
  readonly lists: { readonly drivers: Readonly<Record<string, Driver>>; readonly checks: typeof checks };
  /** By `machine:port`; absent: refused. */
  readonly listening: Map<string, PortState>;
  /** By `service@machine`; absent: absent. */
  readonly runners: Map<string, RunnerView>;
  /** Exit code by `machine` and first word of the command; `hangs`: only the time limit of the whole exec ends it. */
  readonly commands: Map<string, number | 'hangs'>;
  readonly unreachable: Set<string>;
  /** Machines whose exec takes that long. */
  readonly slow: Map<string, number>;
  /** Everything that was asked: `12 http m1:80`, `50 exec m1`. */
  readonly asked: string[];
}

/** Reads what the fake machine prints: one JSON line per target. */
const fakeDriver = {
  type: 'native',
  identity: () => ({ scope: 'system' }),
  look: targets => sh`fake_look ${targets.map(target => target.service)}`,
  read: (targets, section) => {
    const views = section.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as RunnerSeen);
    return new Map(targets.flatMap((target, at) => (views[at] === undefined ? [] : [[target.index, views[at]]])));
  },
} as Pick<Driver, 'type' | 'identity' | 'look' | 'read'> as Driver;

function unreachableError(machine: Machine): AppError {
  return new AppError('ssh-unreachable', `${machine.name} cannot be reached`);
}

const worldBegan = 1_700_000_000_000;

export function createCheckedWorld(): CheckedWorld {
  const clock = createFakeClock(worldBegan);
  const world = {
    clock,
    log: createFakeLog(),
    listening: new Map<string, PortState>(),
    runners: new Map<string, RunnerView>(),
    commands: new Map<string, number | 'hangs'>(),
    unreachable: new Set<string>(),
    slow: new Map<string, number>(),
    asked: [] as string[],
  };
  const note = (what: string) => world.asked.push(`${clock.monotonic()} ${what}`);

  async function ask(kind: string, machine: Machine, port: number, limitMs: number): Promise<HttpAnswer> {
    note(`${kind} ${machine.name}:${port}`);
    if (world.unreachable.has(machine.name)) throw unreachableError(machine);
    const state = world.listening.get(`${machine.name}:${port}`) ?? 'refused';
    if (state === 'refused') throw new AppError('command-failed', 'connection refused');
    if (state === 'forward refused') throw new AppError('ssh-forward-refused', 'no forwarding');
    if (state !== 'hangs') return state;
    await clock.sleep(limitMs);
    throw new AppError('command-timeout', 'no answer');
  }
  const tunnel: Tunnel = {
    http: (machine, question, limitMs) => ask('http', machine, question.port, limitMs),
    connect: async (machine, _, port, limitMs) => void (await ask('tcp', machine, port, limitMs)),
  };

  /** Plays the part of `/bin/sh` for the lines that `lookChecks` writes. */
  function play(machine: Machine, script: string): { readonly stdout: string; readonly hangs: boolean } {
    const nonce = /p_nonce=(\S+);/.exec(script)?.[1] ?? '';
    const out: string[] = [];
    let hangs = false;
    for (const line of script.slice(script.indexOf('\np_say portoser')).split('\n')) {
      const [word, ...rest] = line.split(' ');
      if (word === 'p_say')
        out.push(`@${nonce} ${rest.join(' ').replace('"$(date +%s)"', String(Math.floor(clock.now() / 1000)))}`);
      if (word === 'fake_look') {
        out.push(
          ...rest.map(service =>
            JSON.stringify(world.runners.get(`${service}@${machine.name}`) ?? { state: 'absent' }),
          ),
        );
      }
      if (word !== 'p_command') continue;
      const code = world.commands.get(`${machine.name} ${rest[4]}`) ?? 127;
      if (code === 'hangs') hangs = true;
      else out.push(`@${nonce} check ${rest[0]} ${code} `);
    }
    return { stdout: `${(hangs ? out.filter(line => !line.endsWith(' end')) : out).join('\n')}\n`, hangs };
  }

  const run: RemoteShell['run'] = async (machine, command, limits) => {
    note(`exec ${machine.name}`);
    if (world.unreachable.has(machine.name)) throw unreachableError(machine);
    const { stdout, hangs } = play(machine, renderBody(command));
    const takesMs = hangs ? limits.timeLimitMs : Math.min(limits.timeLimitMs, world.slow.get(machine.name) ?? 0);
    if (takesMs > 0) await clock.sleep(takesMs, limits.signal);
    const timedOut = takesMs >= limits.timeLimitMs;
    const result: CommandResult = {
      machine: machine.name,
      display: '',
      code: timedOut ? null : 0,
      stdout,
      stderr: '',
      durationMs: takesMs,
      timedOut,
      lost: false,
      truncated: false,
    };
    return result;
  };
  const refuse = () => Promise.reject(new AppError('not-supported', 'not in this world'));
  const shell: RemoteShell = {
    run,
    carry: refuse,
    dial: refuse,
    hostKeys: refuse,
    setMachines: () => undefined,
    close: async () => undefined,
  };
  let ids = 0;
  const newId = () => `id${(ids += 1)}`;
  return {
    ...world,
    ports: { shell, tunnel, clock, log: world.log, newId },
    lists: { drivers: { native: fakeDriver }, checks },
  };
}

/** Running, just started. */
export const runs = (more: Partial<RunnerView & { state: 'present' }> = {}): RunnerView => ({
  state: 'present',
  run: 'running',
  settings: {},
  pids: [7],
  startedAt: worldBegan / 1000,
  ...more,
});
