// The controller's own machine (`host: local`): the same behaviour as over SSH, by child processes.
import { spawn } from 'node:child_process';
import { connect as dialTcp } from 'node:net';
import { homedir, userInfo } from 'node:os';
import type { Duplex } from 'node:stream';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Command, Reveal } from '../commands/command.js';
import type { RunLimits } from '../ports.js';
import { carryBytes, type OpenStreams } from './carry.js';
import { openStreams, streamShell } from './shell-stream.js';
import type { StreamingShell } from './ssh.js';
import {
  endGroupCommand,
  endGroupLimitMs,
  type Ending,
  prepareScript,
  prepareStream,
  runScript,
  type ScriptProcess,
} from './shell-run.js';

export interface LocalShellSettings {
  readonly reveal?: Reveal;
}

/** Runs as the user of this process, whatever `user` says. There are no host keys, and nothing to keep or close. */
export function openLocalShell(settings: LocalShellSettings = {}): StreamingShell {
  const user = userInfo().username;

  const prepare = (machine: Machine, command: Command, limits: RunLimits, reveal: Reveal | undefined) =>
    prepareScript({ machine, user: process.getuid?.() === 0 ? 'root' : user, command, limits, reveal });

  async function endGroup(machine: Machine, pid: number, root: boolean): Promise<boolean> {
    const mayUseSudo = machine.sudo !== 'never' && process.getuid?.() !== 0;
    const ask = prepare(machine, endGroupCommand(pid, mayUseSudo), { timeLimitMs: endGroupLimitMs, root }, undefined);
    return (await runScript(ask, await startShell(machine, root), async () => false)).code === 0;
  }

  const stream: OpenStreams = async ({ machine, command }) => {
    const whoami = process.getuid?.() === 0 ? 'root' : user;
    const script = prepareStream({ machine, user: whoami, command, reveal: settings.reveal });
    const words = ['/bin/sh', '-c', streamShell];
    const child = await startProgram(machine, script.root ? ['sudo', '-n', ...words] : words);
    return openStreams(script, child, pid => endGroup(machine, pid, script.root));
  };

  return {
    stream,
    carry: (from, to, limits) => carryBytes(stream, from, to, limits),
    run: async (machine, command, limits) => {
      const script = prepare(machine, command, limits, settings.reveal);
      return runScript(script, await startShell(machine, script.root), pid => endGroup(machine, pid, script.root));
    },
    dial,
    hostKeys: async () => [],
    setMachines: () => undefined,
    close: async () => undefined,
  };
}

/** What a login would give; nothing else of this process, whose environment may hold credentials. */
const passedOn =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|TZ|TMPDIR|XDG_.*|DBUS_SESSION_BUS_ADDRESS|DOCKER_(HOST|CONTEXT|CONFIG))$/;

function loginEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name)));
}

const startShell = (machine: Machine, root: boolean): Promise<ScriptProcess> =>
  startProgram(machine, root ? ['sudo', '-n', '/bin/sh', '-s'] : ['/bin/sh', '-s']);

/** In a session and process group of its own, as sshd does it. */
function startProgram(machine: Machine, [program = '/bin/sh', ...words]: readonly string[]): Promise<ScriptProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      detached: true,
      stdio: 'pipe',
      env: loginEnvironment(),
      cwd: homedir(),
    });
    const ended = (event: 'exit' | 'close'): Promise<Ending> =>
      new Promise(
        resolveEnding => void child.once(event, (code: number | null) => resolveEnding({ code, lost: false })),
      );
    const [exited, closed] = [ended('exit'), ended('close')];
    child.once('error', error => {
      const code = program === 'sudo' ? 'sudo-refused' : 'machine-shell';
      reject(new AppError(code, `${machine.name}: ${program} does not start: ${error.message}`, { cause: error }));
    });
    child.once('spawn', () => {
      const { stdin, stdout, stderr } = child;
      const abandon = (): void => [stdin, stdout, stderr].forEach(stream => stream.destroy());
      resolve({ stdin, stdout, stderr, exited, closed, abandon });
    });
  });
}

function dial(machine: Machine, host: string, port: number, limitMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = dialTcp({ host, port, noDelay: true });
    const details = { machine: machine.name, to: `${host}:${port}` };
    const fail = (error: AppError): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(
        new AppError('command-timeout', `${machine.name}: ${host}:${port} did not accept within ${limitMs} ms`, {
          details,
        }),
      );
    }, limitMs);
    const refused = (cause: NodeJS.ErrnoException): void =>
      fail(
        new AppError('command-failed', `${machine.name}: nothing accepts on ${host}:${port}`, {
          cause,
          details: { ...details, reason: cause.code ?? null },
        }),
      );
    socket.once('error', refused);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', refused);
      resolve(socket);
    });
  });
}
