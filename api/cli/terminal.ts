// The person's terminal: two streams, whether somebody sits there, and questions with yes or no.
import { createInterface } from 'node:readline/promises';
import type { Redactor } from '../../schema/redact.js';

export interface Terminal {
  /** The result. */
  out(text: string): void;
  /** Everything else: progress, warnings, errors. */
  err(text: string): void;
  /** Bytes as they are, without a line's end. */
  raw(text: string): void;
  /** Results are looked at by a person, not by a program. */
  readonly isTerminal: boolean;
  /** Somebody can answer a question. */
  readonly canAsk: boolean;
  readonly colours: boolean;
  readonly columns: number;
  /** Shows the question; only `y` and `yes` are a yes. */
  ask(question: string, signal: AbortSignal): Promise<boolean>;
  /** Replaces the screen. */
  clear(): void;
}

export function openTerminal(process: NodeJS.Process, more: { readonly colours: boolean }): Terminal {
  const { stdin, stdout, stderr } = process;
  const write = (stream: NodeJS.WriteStream) => (text: string) =>
    void stream.write(text.endsWith('\n') ? text : `${text}\n`);
  return {
    out: write(stdout),
    err: write(stderr),
    raw: text => void stdout.write(text),
    isTerminal: isTerminal(stdout),
    canAsk: isTerminal(stdin) && isTerminal(stderr),
    colours: more.colours && isTerminal(stdout),
    columns: stdout.columns ?? 80,
    ask: async (question, signal) => {
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
      } finally {
        lines.close();
      }
    },
    clear: () => void stdout.write('\u001B[2J\u001B[3J\u001B[H'),
  };
}

/** The same, and no secret is shown; `json`: what goes to `out` is JSON, and stays so. */
export function maskedTerminal(terminal: Terminal, redactor: Redactor, json: boolean): Terminal {
  return {
    ...terminal,
    out: text => terminal.out(json ? redactor.json(text) : redactor.text(text)),
    err: text => terminal.err(redactor.text(text)),
    raw: text => terminal.raw(redactor.text(text)),
    ask: (question, signal) => terminal.ask(redactor.text(question), signal),
  };
}

/** A stream that is none has no `isTTY` at all, whatever the types say; and colours that are not decided picocolors gives to every CI. */
const isTerminal = (stream: { readonly isTTY?: boolean }): boolean => stream.isTTY ?? false;

/** https://no-color.org: any value that is not empty switches colours off. */
export function wantsColours(env: Readonly<Record<string, string | undefined>>, noColorFlag: boolean): boolean {
  return !noColorFlag && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}
