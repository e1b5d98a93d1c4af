// Runs one line: finds the command, opens the engine for it, answers its exit code, and closes in order.
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor, Engine, InputOf, OperationName, OutputOf } from '../../reconciler/engine.js';
import { createRedactor, type Redactor } from '../../schema/redact.js';
import { AppError, asAppError } from '../../schema/errors.js';
import type { Settings } from '../../schema/settings.js';
import type { AnyCommand, Call, ExitCode } from './command.js';
import { failureText } from './failure.js';
import { globalOptions } from './globals.js';
import { commandHelp, groupHelp, rootHelp } from './help.js';
import { watchForInterrupts } from './interrupt.js';
import { createPaint } from './paint.js';
import { split, type Typed, understand, type Understood } from './parse.js';
import { maskedTerminal, openTerminal, type Terminal, wantsColours } from './terminal.js';
import { createVoice } from './voice.js';

export async function runLine(argv: readonly string[], process: NodeJS.Process): Promise<void> {
  // Whoever reads the output may stop reading (`| head`): that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const code = await answer(argv, process);
  await Promise.all([process.stdout, process.stderr].map(stream => new Promise(done => stream.write('', done))));
  process.exit(code);
}

async function answer(argv: readonly string[], process: NodeJS.Process): Promise<ExitCode> {
  const json = frontOf(argv).includes('--json');
  const terminal = openTerminal(process, { colours: wantsColours(process.env, frontOf(argv).includes('--no-color')) });
  const redactor = createRedactor();
  try {
    const line = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
    if (frontOf(line).includes('--version')) {
      terminal.out((await import('./version.js')).version());
      return 0;
    }
    return await dispatch(line, terminal, process, redactor);
  } catch (thrown) {
    return fail(thrown, maskedTerminal(terminal, redactor, json), json);
  }
}

/** What stands before `--`: the rest belongs to another program. */
function frontOf(line: readonly string[]): readonly string[] {
  const end = line.indexOf('--');
  return end < 0 ? line : line.slice(0, end);
}

function fail(thrown: unknown, terminal: Terminal, json: boolean): ExitCode {
  const error = asAppError(thrown);
  if (json) terminal.out(JSON.stringify({ error: error.report() }, null, 2));
  else terminal.err(failureText(error, createPaint(terminal.colours)));
  return error.code === 'interrupted' ? 130 : 1;
}

async function dispatch(
  line: readonly string[],
  terminal: Terminal,
  process: NodeJS.Process,
  redactor: Redactor,
): Promise<ExitCode> {
  const typed = split(line);
  const { word } = typed;
  if (word === undefined) return withoutWord(typed, terminal);
  if (word.load === undefined) return later(word.words, typed.rest, terminal);
  const command = await word.load();
  const understood = understand({ ...typed, word }, command);
  if (understood.help) {
    terminal.raw(commandHelp(word, command, globalOptions));
    return 0;
  }
  const shown = command.verbatim === true ? terminal : maskedTerminal(terminal, redactor, understood.json);
  return await perform(command, understood, shown, process, redactor);
}

function later(words: string, rest: readonly string[], terminal: Terminal): ExitCode {
  if (!rest.includes('--help') && !rest.includes('-h'))
    throw new AppError('not-supported', `\`portoser ${words}\` is not supported yet`);
  terminal.out(`portoser ${words}: not supported yet`);
  return 0;
}

function withoutWord(typed: Pick<Typed, 'front' | 'rest'>, terminal: Terminal): ExitCode {
  const [first] = typed.rest;
  terminal.raw(first === undefined ? rootHelp() : groupHelp(first));
  return first === undefined || typed.front.help === true ? 0 : 1;
}

async function perform(
  command: AnyCommand,
  understood: Understood,
  terminal: Terminal,
  process: NodeJS.Process,
  redactor: Redactor,
): Promise<ExitCode> {
  const { settings, remote, engine } = await open(command, understood, process, redactor);
  const actor = actorOf(process);
  const interrupts = watchForInterrupts(process);
  const colours = terminal.colours && !understood.noColor;
  const voice = createVoice(terminal, createPaint(colours), { quiet: understood.json });
  const call: Call<never> = {
    words: understood.words,
    values: understood.values as never,
    json: understood.json,
    terminal: { ...terminal, colours },
    settings,
    signal: interrupts.signal,
    pause: interrupts.pause,
    engine,
    actor,
    subscribe: engine.subscribe,
    perform: async <N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>> => {
      const { effect } = await engine.describe(name);
      if (effect === 'changes')
        interrupts.signal.addEventListener('abort', () => terminal.err(remote ? leaving : stopping), { once: true });
      const work = engine.perform(name, input, actor, interrupts.signal);
      return await (effect === 'reads' ? Promise.race([work, interrupts.interrupted]) : work);
    },
  };
  const whenInterrupted = command.interrupted?.(call) ?? 130;
  const stop = engine.subscribe(progress => (command.voice ? command.voice(progress, call) : voice.say(progress)));
  try {
    const code = await command.run(call);
    return interrupts.signal.aborted ? whenInterrupted : code;
  } catch (thrown) {
    if (!interrupts.signal.aborted) throw thrown;
    return whenInterrupted;
  } finally {
    stop();
    voice.end();
    await Promise.race([engine.close(), sleep(closeLimitMs, undefined, { ref: false })]);
    interrupts.end();
  }
}

/** The engine here, or that of the controller that the settings name. */
async function open(
  command: AnyCommand,
  understood: Understood,
  process: NodeJS.Process,
  redactor: Redactor,
): Promise<{ readonly settings: Settings; readonly remote: boolean; readonly engine: Engine }> {
  const { openEngine } = await import('../../reconciler/main.js');
  const here = openEngine({
    flags: understood.flags,
    env: process.env,
    cwd: process.cwd(),
    uid: process.geteuid?.(),
    logs: command.logs?.(understood.values as never) ?? false,
    redactor,
  });
  const { settings } = here;
  const { server, token, insecureHttp } = settings;
  if (server.value === undefined) return { settings, remote: false, engine: here };
  const { openRemote } = await import('./remote.js');
  const more = {
    ...(token.value === undefined ? {} : { token: token.value }),
    ...(insecureHttp.value === undefined ? {} : { insecureHttp: insecureHttp.value }),
  };
  return { settings, remote: true, engine: openRemote({ server: server.value, here, ...more }) };
}

const leaving = 'the controller goes on with it; see `portoser status`';
const stopping = 'stopping: what machines are in the middle of is finished first; a second signal ends at once';

/** A connection that does not close keeps nobody waiting. */
const closeLimitMs = 3_000;

/** Who sits there, for history, approvals and audit: the person behind sudo, and where they logged in from (sshd(8), SSH_CONNECTION). */
function actorOf({ env }: NodeJS.Process): Actor {
  const name = env.SUDO_USER ?? env.USER ?? env.LOGNAME ?? userInfo().username;
  const [from] = env.SSH_CONNECTION?.split(' ') ?? [];
  return { name, by: 'cli', ...(from ? { from } : {}) };
}
