// Gives a command's result: the operation's output as JSON, or its text for people.
import type { Call, ExitCode, Options } from './command.js';

export function respond(
  call: Pick<Call<Options>, 'json' | 'terminal'>,
  output: unknown,
  text: () => string,
  code: ExitCode = 0,
): ExitCode {
  const words = call.json ? JSON.stringify(output, null, 2) : text();
  if (words !== '') call.terminal.out(words);
  return code;
}
