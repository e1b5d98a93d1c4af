// The same looks made on the machine itself, by curl and nc, where sshd refuses to forward ports.
import { isIP } from 'node:net';
import { AppError } from '../../schema/errors.js';
import type { Machine } from '../../schema/registry-types.js';
import { type Command, sh } from '../commands/command.js';
import type { CommandResult, HttpAnswer, HttpAsk, RemoteShell } from '../ports.js';

/** Our own exit code: the program is not on the machine. */
const missingCode = 69;
/** curl(1), EXIT CODES. */
const curlTimedOut = 28;
/** Headers and body together: the body's limit, and room for headers. */
const outputLimit = 131_072;
const bodyLimit = 65_536;
/** For the way there and back, beyond the look's own limit. */
const overheadMs = 5000;

const seconds = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));
const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

async function runThere(
  shell: RemoteShell,
  machine: Machine,
  command: Command,
  timeLimitMs: number,
): Promise<CommandResult> {
  const result = await shell.run(machine, command, {
    timeLimitMs: timeLimitMs + overheadMs,
    outputLimit: outputLimit + 4096,
  });
  if (result.lost) throw new AppError('ssh-lost', `${machine.name}: the connection was lost while looking there`);
  if (result.code !== missingCode) return result;
  throw new AppError('ssh-forward-refused', `${machine.name} refuses port forwarding, and has neither curl nor nc`);
}

function failed(machine: Machine, to: string, timedOut: boolean, said: string): AppError {
  const details = { machine: machine.name, to };
  if (timedOut) return new AppError('command-timeout', `${to} on ${machine.name} did not answer in time`, { details });
  return new AppError('command-failed', `${to} on ${machine.name} gave no answer: ${said}`, { details });
}

/** By curl there. Throws as the tunnel does; `ssh-forward-refused` when there is no curl either. */
export async function httpThere(
  shell: RemoteShell,
  machine: Machine,
  ask: HttpAsk,
  timeLimitMs: number,
): Promise<HttpAnswer> {
  const to = `${bracketed(ask.host)}:${ask.port}`;
  const words = curlWords(ask, to, timeLimitMs);
  const command = sh`command -v curl >/dev/null 2>&1 || exit ${missingCode}
{ curl ${words}; echo "curl $?" >&2; } | head -c ${outputLimit}`;
  const { stdout, stderr } = await runThere(shell, machine, command, timeLimitMs);
  const answer = parseAnswer(stdout);
  if (answer !== undefined) return answer;
  const [, said = '', code] = /^([^]*?)curl (\d+)\s*$/.exec(stderr) ?? [];
  throw failed(machine, to, Number(code) === curlTimedOut, said.trim());
}

/** No configuration, proxy, redirect or rewritten path; the name for TLS is that of the Host header, as in the tunnel. */
function curlWords(ask: HttpAsk, to: string, timeLimitMs: number): string[] {
  const name = ask.hostHeader?.replace(/:\d+$/, '') ?? bracketed(ask.host);
  const quietly = ['-q', '--silent', '--show-error', '--globoff', '--path-as-is', '--http1.1', '--noproxy', '*'];
  const output = ['--max-time', seconds(timeLimitMs), '--dump-header', '-', '--output', '-'];
  const names = ['--connect-to', `${name}:${ask.port}:${to}`, '--header', `Host: ${ask.hostHeader ?? to}`];
  const trust = ask.tlsVerify ? [] : ['--insecure'];
  const url = `${ask.scheme}://${name}:${ask.port}${ask.path}`;
  return [...quietly, ...output, ...names, ...trust, '--user-agent', 'portoser', url];
}

/** Header blocks, those of 1xx first, then the body; undefined: there was no whole one. */
function parseAnswer(output: string): HttpAnswer | undefined {
  const status = Number(/^HTTP\/\S+ (\d{3})/.exec(output)?.[1]);
  const end = output.indexOf('\r\n\r\n');
  if (Number.isNaN(status) || end < 0) return undefined;
  const rest = output.slice(end + 4);
  if (status < 200 && status !== 101) return parseAnswer(rest);
  return { status, body: Buffer.from(rest).subarray(0, bodyLimit).toString('utf8') };
}

/** By nc there, else by bash, else by curl; all connect and say nothing. Throws as the tunnel does. */
export async function tcpThere(
  shell: RemoteShell,
  machine: Machine,
  host: string,
  port: number,
  timeLimitMs: number,
): Promise<void> {
  const url = `telnet://${bracketed(host)}:${port}`;
  // curl's telnet stays connected until its time is over: that is told by its connect time.
  const asTelnet = [
    '-q',
    '--silent',
    '--noproxy',
    '*',
    '--max-time',
    seconds(Math.min(timeLimitMs, 3000)),
    '--output',
    '/dev/null',
  ];
  // Not every nc knows -z, and not every bash /dev/tcp: a failure proves nothing while there is another to ask.
  const command = sh`have() { command -v "$1" >/dev/null 2>&1; }
have nc && nc -z -w ${seconds(timeLimitMs)} ${host} ${port} >/dev/null 2>&1 && exit 0
have bash && bash -c ${': <"/dev/tcp/$0/$1"'} ${host} ${port} 2>/dev/null && exit 0
have curl && case $(curl ${asTelnet} --write-out ${'%{time_connect}'} ${url} 2>/dev/null) in *[1-9]*) exit 0;; esac
have nc || have bash || have curl || exit ${missingCode}
exit 1`;
  const result = await runThere(shell, machine, command, timeLimitMs);
  if (result.code !== 0) throw failed(machine, `${bracketed(host)}:${port}`, result.timedOut, 'nothing accepts there');
}
