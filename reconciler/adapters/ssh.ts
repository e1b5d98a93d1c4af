// Every machine by SSH (ssh2): runs commands as scripts on the standard input of a constant `/bin/sh -s`, and dials from there.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import { joinSignals } from '../../schema/joined-signal.js';
import type { Machine } from '../../schema/registry-types.js';
import type { Command, Reveal } from '../commands/command.js';
import type { CarryEnd, CommandResult, RemoteShell, RunLimits } from '../ports.js';
import { carryBytes, type OpenStreams } from './carry.js';
import { endGroupCommand, endGroupLimitMs, prepareScript, prepareStream, runScript } from './shell-run.js';
import { lostBefore, type UseShell } from './ssh-channels.js';
import { showHostKeys } from './ssh-host-keys.js';
import { createKeyring } from './ssh-keys.js';
import { createPool } from './ssh-pool.js';
import { type ByteStreams, openStreams, streamShell } from './shell-stream.js';

export interface ShellSettings {
  /** Default: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`. */
  readonly knownHostsFiles?: readonly string[];
  /** For encrypted private keys. */
  readonly passphrase?: string;
  /** Default: the user's. */
  readonly home?: string;
  /** Socket of an ssh-agent; default: `SSH_AUTH_SOCK`; `''`: none. */
  readonly agentSocket?: string;
  /** Answers secrets at the moment of sending; without it a command with a secret is refused. */
  readonly reveal?: Reveal;
  readonly connectLimitMs?: number;
  readonly loginLimitMs?: number;
  /** Three of them without an answer end a connection. */
  readonly keepaliveMs?: number;
  /** A connection that leaves a new session unanswered for so long is given up. Default: 10 s. */
  readonly answerLimitMs?: number;
}

/** A shell whose streams can be joined with those of another. */
export interface StreamingShell extends RemoteShell {
  readonly stream: OpenStreams;
}

/** Connections are made on demand and kept warm, one for each machine, until `setMachines` or `close`. */
export function openRemoteShell(settings: ShellSettings = {}): StreamingShell {
  const home = settings.home ?? homedir();
  const agentSocket = settings.agentSocket ?? process.env['SSH_AUTH_SOCK'] ?? '';
  const loginLimitMs = settings.loginLimitMs ?? 15_000;
  const pool = createPool({
    knownHostsFiles: settings.knownHostsFiles ?? [join(home, '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts'],
    identities: createKeyring({
      home,
      ...(settings.passphrase === undefined ? {} : { passphrase: settings.passphrase }),
      ...(agentSocket === '' ? {} : { agentSocket }),
    }),
    connectLimitMs: settings.connectLimitMs ?? 10_000,
    loginLimitMs,
    keepaliveMs: settings.keepaliveMs ?? 7000,
    answerLimitMs: settings.answerLimitMs ?? 10_000,
  });

  /** Ended as by its signal when a turn needs its session. */
  async function runAside(machine: Machine, command: Command, limits: RunLimits): Promise<CommandResult> {
    const yielded = new AbortController();
    const { signal, part } = joinSignals(yielded.signal, ...(limits.signal === undefined ? [] : [limits.signal]));
    try {
      return await runBy(machine, command, { ...limits, signal }, yielded);
    } catch (error) {
      if (yielded.signal.aborted) throw yielded.signal.reason;
      throw error;
    } finally {
      part();
    }
  }

  const run: RemoteShell['run'] = (machine, command, limits) =>
    limits.yields === undefined ? runBy(machine, command, limits) : runAside(machine, command, limits);

  async function runBy(
    machine: Machine,
    command: Command,
    limits: RunLimits,
    yielded?: AbortController,
  ): Promise<CommandResult> {
    const script = prepareScript({ machine, user: machine.user, command, limits, reveal: settings.reveal });
    const act: UseShell<CommandResult> = process =>
      runScript(script, process, pid => within(endGroupLimitMs, endGroup(machine, pid, script.root)));
    for (let tries = 0; tries < 3; tries += 1) {
      const connection = await unlessAborted(pool.connection(machine), machine, limits.signal);
      const words = shellWords(script.root);
      const result =
        yielded === undefined
          ? await connection.withShell(words, act)
          : await connection.aside(words, act, () => yielded.abort(noRoomFor(machine)));
      if (result !== lostBefore) return result;
    }
    throw new AppError('ssh-lost', `${machine.name}: the connection breaks as soon as it stands`, {
      details: { machine: machine.name },
    });
  }

  /** Keeps one of the five turns until it has ended. */
  async function stream({ machine, command }: CarryEnd): Promise<ByteStreams> {
    const script = prepareStream({ machine, user: machine.user, command, reveal: settings.reveal });
    const connection = await pool.connection(machine);
    return await new Promise((resolve, reject) => {
      const act: UseShell<void> = async process => {
        const streams = openStreams(script, process, pid =>
          within(endGroupLimitMs, endGroup(machine, pid, script.root)),
        );
        resolve(streams);
        await streams.ended;
      };
      const lost = (): void => reject(new AppError('ssh-lost', `${machine.name}: the connection was lost`));
      connection.withShell(script.root ? `sudo -n ${streamShell}` : streamShell, act).then(lost, reject);
    });
  }

  /** Over the same connection, beside the five turns; over another one when the machine allows no more sessions. */
  async function endGroup(machine: Machine, pid: number, root: boolean): Promise<boolean> {
    const command = endGroupCommand(pid, machine.sudo !== 'never' && machine.user !== 'root');
    const limits: RunLimits = { timeLimitMs: endGroupLimitMs, root };
    const script = prepareScript({ machine, user: machine.user, command, limits, reveal: undefined });
    const act: UseShell<boolean> = async process => (await runScript(script, process, async () => false)).code === 0;
    try {
      const connection = await pool.connection(machine);
      const ended = await connection.urgently(shellWords(root), act).catch(() => lostBefore);
      if (ended !== lostBefore) return ended === true;
      const second = await pool.another(machine);
      return (await second.urgently(shellWords(root), act).finally(() => second.destroy())) === true;
    } catch (error) {
      // Not ended, as far as we know: the result says that the command may go on there.
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  return {
    run,
    stream,
    carry: (from, to, limits) => carryBytes(stream, from, to, limits),
    dial: async (machine, host, port, timeLimitMs) => (await pool.connection(machine)).forward(host, port, timeLimitMs),
    hostKeys: machine => showHostKeys(machine, () => pool.stream(machine), loginLimitMs),
    setMachines: machines => pool.setMachines(machines),
    connectAhead: machines => pool.connectAhead(machines),
    close: () => pool.close(),
  };
}

const noRoomFor = (machine: Machine): AppError =>
  new AppError('live-limit', `${machine.name}: a change needs the session that this was followed by`, {
    details: { machine: machine.name },
  });

/** A connection that comes too late is kept for the next who asks. */
function unlessAborted<T>(waiting: Promise<T>, machine: Machine, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return waiting;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new AppError('interrupted', `${machine.name}: interrupted while connecting`));
    signal.addEventListener('abort', abort, { once: true });
    waiting.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}

/** Answers false when it takes too long: what was asked may still happen there. */
function within(ms: number, ending: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), ms);
    ending.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function shellWords(root: boolean): string {
  return root ? 'sudo -n /bin/sh -s' : '/bin/sh -s';
}
