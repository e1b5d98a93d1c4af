// The same looks made on the machine itself, by curl and nc, where sshd refuses to forward ports.
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { type Command, sh } from '../commands/command.js';
import type { HttpAnswer, HttpAsk, RemoteShell } from '../ports.js';

/** Our own exit code: the program is not on the machine. */
const missingCode = 69;

function refused(machine: Machine, program: string): AppError {
  return new AppError('ssh-forward-refused', `${machine.name} refuses port forwarding, and has no ${program}`);
}

async function runThere(
  shell: RemoteShell,
  machine: Machine,
  command: Command,
  program: string,
  timeLimitMs: number,
): Promise<string> {
  const result = await shell.run(machine, command, { timeLimitMs: timeLimitMs + 5000, outputLimit: 131_072 });
  if (result.code === missingCode) throw refused(machine, program);
  if (result.code !== 0)
    throw new AppError(
      'command-failed',
      `${program} on ${machine.name}: ${result.stderr.trim() || `exit code ${result.code}`}`,
    );
  return result.stdout;
}

const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1000)));

/** Throws `ssh-forward-refused` when there is no curl either. */
export async function httpThere(
  shell: RemoteShell,
  machine: Machine,
  ask: HttpAsk,
  timeLimitMs: number,
): Promise<HttpAnswer> {
  const host = ask.host.includes(':') ? `[${ask.host}]` : ask.host;
  const words = [
    '--silent',
    '--show-error',
    '--max-time',
    seconds(timeLimitMs),
    '--max-redirs',
    '0',
    ...(ask.tlsVerify ? [] : ['--insecure']),
    ...(ask.hostHeader === undefined ? [] : ['--header', `Host: ${ask.hostHeader}`]),
    '--write-out',
    '\n%{http_code}',
    `${ask.scheme}://${host}:${ask.port}${ask.path}`,
  ];
  const command = sh`command -v curl >/dev/null 2>&1 || exit ${missingCode}\ncurl ${words} | tail -c 65536`;
  const output = await runThere(shell, machine, command, 'curl', timeLimitMs);
  const cut = output.lastIndexOf('\n');
  const status = Number(output.slice(cut + 1));
  if (!(status > 0))
    throw new AppError('command-failed', `${ask.host}:${ask.port} on ${machine.name} gave no HTTP answer`);
  return { status, body: output.slice(0, cut) };
}

/** Throws `ssh-forward-refused` when there is no nc either. */
export async function tcpThere(
  shell: RemoteShell,
  machine: Machine,
  host: string,
  port: number,
  timeLimitMs: number,
): Promise<void> {
  const command = sh`command -v nc >/dev/null 2>&1 || exit ${missingCode}\nnc -z -w ${seconds(timeLimitMs)} ${host} ${port}`;
  await runThere(shell, machine, command, 'nc', timeLimitMs);
}
