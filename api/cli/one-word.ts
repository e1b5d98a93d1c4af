// Words after a command that must, or must not, be there.
import { AppError } from '../../schema/errors.js';

/** The only word. Throws `usage` for none and for more. */
export function oneWord(call: { readonly words: readonly string[] }, what: string): string {
  const [word, ...more] = call.words;
  if (word === undefined) throw new AppError('usage', `the name of the ${what} is missing`);
  if (more.length > 0) throw new AppError('usage', `there is one ${what} too many: ${more.join(' ')}`);
  return word;
}

/** Exactly two words. Throws `usage` for fewer and for more. */
export function twoWords(
  call: { readonly words: readonly string[] },
  first: string,
  second: string,
): readonly [string, string] {
  const [one, two, ...more] = call.words;
  if (one === undefined || two === undefined)
    throw new AppError('usage', `the name of the ${one === undefined ? first : second} is missing`);
  if (more.length > 0) throw new AppError('usage', `\`${more.join(' ')}\` is not understood here`);
  return [one, two];
}

/** Throws `usage` when words stand where none belong. */
export function noWords(call: { readonly words: readonly string[] }): void {
  if (call.words.length > 0) throw new AppError('usage', `\`${call.words.join(' ')}\` is not understood here`);
}

/** Throws `usage` for what is no whole number above zero. */
export function wholeNumber(text: string, what = 'number'): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value)) return value;
  throw new AppError('usage', `\`${text}\` is no ${what}`);
}
