// `command` as written → words, the program made absolute where it is a path.
import type { Path } from '../../schema/validate.js';
import { splitWords } from './command-words.js';
import type { Layered } from './parse-entry.js';
import type { Report } from './parse-report.js';

type Written = string | readonly string[] | undefined;

/** undefined: none was written, or it was reported. `folder`: where it runs. */
export function readCommand(
  written: Written,
  folder: string,
  entry: Layered,
  path: Path,
  report: Report,
): readonly string[] | undefined {
  if (written === undefined) return undefined;
  const split = typeof written === 'string' ? splitWords(written) : { words: written };
  if ('problem' in split) {
    report.at(entry.locate, [...entry.base, ...path], 'invalid-value', split.problem, { hint: split.hint });
    return undefined;
  }
  const [program = '', ...rest] = split.words;
  const problem = programProblem(program);
  if (problem === undefined) return [underFolder(program, folder), ...rest];
  report.at(entry.locate, [...entry.base, ...path], 'invalid-value', problem.message, { hint: problem.hint });
  return undefined;
}

function programProblem(program: string): { readonly message: string; readonly hint: string } | undefined {
  if (program === '') return { message: 'the program has no name', hint: 'write a program and its arguments' };
  if (program.startsWith('-')) return { message: 'a program cannot begin with `-`', hint: 'write the program first' };
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(program))
    return { message: 'a variable stands where the program should', hint: 'write it under `env`' };
  return undefined;
}

function underFolder(program: string, folder: string): string {
  if (!program.includes('/') || program.startsWith('/')) return program;
  return `${folder}/${program.replace(/^(\.\/+)+/, '')}`;
}
