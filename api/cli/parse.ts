// Reads the words that a person typed: options before the command, the command, its options and words.
import { parseArgs } from 'node:util';
import { closest, didYouMean } from '../../schema/closest.js';
import { AppError } from '../../schema/errors.js';
import type { Flags } from '../../schema/settings.js';
import type { AnyCommand, Options } from './command.js';
import { flagsOf, globalOptions } from './globals.js';
import { findWord, firstWords, secondWords, type Word } from './words.js';

export interface Typed {
  /** Options before the command. */
  readonly front: Readonly<Record<string, unknown>>;
  readonly word: Word;
  /** Everything after the command's name. */
  readonly rest: readonly string[];
}

export interface Understood {
  readonly flags: Flags;
  readonly json: boolean;
  readonly noColor: boolean;
  readonly help: boolean;
  readonly values: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
}

const usage = (message: string, hint?: string): AppError =>
  new AppError('usage', message, hint === undefined ? {} : { hint });

/** How many words the options before the command take. */
function frontLength(argv: readonly string[]): number {
  let at = 0;
  for (;;) {
    const word = argv[at];
    if (word === undefined || !word.startsWith('-') || word === '--') return at;
    const option = globalOptions[word.replace(/^--?/, '')];
    at += option?.type === 'string' ? 2 : 1;
  }
}

/** Splits the line. Throws `usage` when there is no such command. `word` is undefined when no command was named. */
export function split(argv: readonly string[]): Partial<Typed> & Pick<Typed, 'front' | 'rest'> {
  const length = frontLength(argv);
  const front = read(argv.slice(0, length), globalOptions).values;
  const rest = argv.slice(length);
  const found = findWord(rest);
  if (found) return { front, word: found.word, rest: rest.slice(found.taken) };
  const [first, ...more] = rest;
  if (first === undefined) return { front, rest };
  // `machine --help` asks for the words of that group: no command of it was named whose help it could be.
  if (secondWords(first).length > 0 && more.every(isHelp))
    return { front: more.length > 0 ? { ...front, help: true } : front, rest: [first] };
  throw unknownCommand(rest);
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h';

function unknownCommand(rest: readonly string[]): AppError {
  const [first = '', second = ''] = rest;
  const seconds = secondWords(first).map(one => one.words.slice(first.length + 1));
  if (seconds.length === 0) return usage(`there is no command \`${first}\``, sentence(didYouMean(first, firstWords())));
  if (second.startsWith('-')) return usage(`\`${first}\` needs a second word: ${seconds.join(', ')}`);
  const near = closest(second, seconds);
  return usage(
    `there is no command \`${first} ${second}\``,
    near === undefined ? `There are: ${seconds.join(', ')}.` : `Did you mean \`${first} ${near}\`?`,
  );
}

const sentence = (text: string | undefined): string | undefined =>
  text && `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Reads a command's own line, with its options and those of all commands. Throws `usage`. */
export function understand(typed: Typed, command: AnyCommand): Understood {
  const { values, positionals } = read(typed.rest, { ...globalOptions, ...command.options });
  const both = { ...values, ...Object.fromEntries(Object.entries(typed.front).filter(([name]) => !(name in values))) };
  const is = (name: string): boolean => values[name] === true || typed.front[name] === true;
  return {
    flags: { ...flagsOf(typed.front, {}), ...flagsOf(values, command.options) },
    json: is('json'),
    noColor: is('no-color'),
    help: is('help'),
    values: Object.fromEntries(Object.entries(both).filter(([name]) => name in command.options && name in values)),
    words: positionals,
  };
}

interface Read {
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
}

function read(args: readonly string[], options: Options): Read {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw explain(error, options);
  }
}

/** node:util tells by code what it disliked; the option's name stands only in its message, from where it is quoted. */
function explain(error: unknown, options: Options): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (!code.startsWith('ERR_PARSE_ARGS')) return error;
  const message = (error as Error).message;
  if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return usage(message.split('\n')[0] ?? message);
  const name = /'(--?[^' ]+)/.exec(message)?.[1] ?? '';
  const near = closest(name.replace(/^-+/, ''), Object.keys(options));
  const hint =
    near === undefined
      ? 'Words that begin with a dash and belong to another program go after `--`.'
      : `Did you mean \`--${near}\`?`;
  return usage(`there is no option \`${name}\` here`, hint);
}
