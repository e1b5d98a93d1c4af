// Every machine by SSH (ssh2): runs commands as scripts on the standard input of a constant `/bin/sh -s`, and dials from there.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { type Command, display, render, type Reveal } from '../commands/command.js';
import type { CommandResult, RemoteShell, RunLimits } from '../ports.js';
import { endGroupCommand, endGroupLimitMs, runScript, type ScriptRun } from './shell-run.js';
import { lostBefore } from './ssh-channels.js';
import { showHostKeys } from './ssh-connect.js';
import { createKeyring } from './ssh-keys.js';
import { createPool } from './ssh-pool.js';

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
}

/** Connections are made on demand and kept warm, one for each machine, until `setMachines` or `close`. */
export function openRemoteShell(settings: ShellSettings = {}): RemoteShell {
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
  });

  async function run(machine: Machine, command: Command, limits: RunLimits): Promise<CommandResult> {
    const script = prepareScript(machine, machine.user, command, limits, settings.reveal, pid => endGroup(machine, pid, limits));
    for (let tries = 0; tries < 3; tries += 1) {
      const connection = await pool.connection(machine);
      const result = await connection.withShell(shellWords(script.root), process => runScript(script, process));
      if (result !== lostBefore) return result;
    }
    throw new AppError('ssh-lost', `${machine.name}: the connection breaks as soon as it stands`, { details: { machine: machine.name } });
  }

  /** Over the same connection, beside the five turns; over another one when the machine allows no more sessions. */
  async function endGroup(machine: Machine, pid: number, limits: RunLimits): Promise<boolean> {
    const root = asRoot(machine, machine.user, limits);
    const mayUseSudo = machine.sudo !== 'never' && machine.user !== 'root';
    const ask: RunLimits = { timeLimitMs: endGroupLimitMs, root };
    const script = prepareScript(machine, machine.user, endGroupCommand(pid, mayUseSudo), ask, undefined, async () => false);
    const act = async (process: Parameters<typeof runScript>[1]): Promise<boolean> => (await runScript(script, process)).code === 0;
    try {
      const connection = await pool.connection(machine);
      const ended = await connection.urgently(shellWords(root), act).catch(() => lostBefore);
      if (ended !== lostBefore) return ended === true;
      const second = await pool.another(machine);
      const endedNow = await second.urgently(shellWords(root), act).finally(() => second.destroy());
      return endedNow === true;
    } catch (error) {
      // Not ended, as far as we know: the result says that the command may go on there.
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  return {
    run,
    dial: async (machine, host, port, timeLimitMs) => (await pool.connection(machine)).forward(host, port, timeLimitMs),
    hostKeys: machine => showHostKeys(machine, () => pool.stream(machine), loginLimitMs),
    setMachines: machines => pool.setMachines(machines),
    close: () => pool.close(),
  };
}

function shellWords(root: boolean): string {
  return root ? 'sudo -n /bin/sh -s' : '/bin/sh -s';
}

/** Whether it goes through sudo: as root by another name it never needs to. Throws `sudo-refused` where the registry forbids it. */
export function asRoot(machine: Machine, user: string, limits: RunLimits): boolean {
  if (user === 'root' || !(limits.root ?? machine.sudo === 'always')) return false;
  if (machine.sudo !== 'never') return true;
  throw new AppError('sudo-refused', `${machine.name}: this needs root, and the registry says sudo: never`, {
    details: { machine: machine.name },
    hint: 'Log in as root, allow sudo for this machine in the registry, or use `scope: user`.',
  });
}

/** The script with its secrets revealed: as late as can be, and kept nowhere else. */
export function prepareScript(
  machine: Machine,
  user: string,
  command: Command,
  limits: RunLimits,
  reveal: Reveal | undefined,
  endGroup: (pid: number) => Promise<boolean>,
): ScriptRun {
  return {
    machine: machine.name,
    display: display(command),
    script: render(command, reveal),
    limits,
    root: asRoot(machine, user, limits),
    endGroup,
  };
}
