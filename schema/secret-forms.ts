// How a secret may be written: as it is, and as programs write values into JSON, addresses, shell words and base64.

import { anchorOf, type Anchored, nameAnchorOf } from './secret-anchors.js';

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);

/** `%2F` or `%2f`, byte by byte (RFC 3986, 2.1). */
const inAddress = (sign: string): string =>
  [...Buffer.from(sign)]
    .map(byte => `%${byte.toString(16).padStart(2, '0')}`)
    .join('')
    .replace(/[a-f]/g, hex => `[${hex}${hex.toUpperCase()}]`);

/** `\u00e9`, with as many backslashes as it was quoted times (RFC 8259, 7). */
const inJson = (sign: string): string =>
  [...Array(sign.length).keys()]
    .map(at => String.raw`\\+u${sign.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')
    .replace(/(?<=u[^\\]*)[a-f]/g, hex => `[${hex}${hex.toUpperCase()}]`);

const letters: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f' };

/** One sign in all its ways at once: what one program quotes another one leaves alone. */
function signPattern(sign: string): string {
  if (/^[a-z0-9]$/i.test(sign)) return sign;
  const ways = [inAddress(sign), inJson(sign)];
  const letter = letters[sign];
  if (letter !== undefined) ways.push(String.raw`\\+${letter}`);
  if (sign === '\n') ways.push(String.raw`\r\n`);
  if (sign === ' ') ways.push(String.raw`\+`);
  // POSIX XCU 2.2.2: within '…' one ends it, quotes it otherwise, and goes on.
  if (sign === "'") ways.push(String.raw`'\\+''`, `'"'"'`);
  ways.push(sign === '\\' ? String.raw`\\{1,16}` : String.raw`\\{0,15}${literal(sign)}`);
  return `(?:${ways.join('|')})`;
}

/**
 * Base64 (RFC 4648, both alphabets) of the value by itself and within more: where it does not begin with a group of three
 * bytes, only the characters that it decides alone are the same every time.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const within = [0, 1, 2].map(shift => {
    const whole = Math.floor(((shift + bytes.length) * 8) / 6);
    return Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(Math.ceil((shift * 8) / 6), whole);
  });
  return [...new Set([bytes.toString('base64'), ...within])];
}

const base64Signs: Readonly<Record<string, string>> = {
  '+': '(?:[+-]|%2[bB])',
  '/': '(?:[/_]|%2[fF])',
  '=': '(?:=|%3[dD])',
};

const textPattern = (value: string): string => Array.from(value, signPattern).join('');

/** Texts of regular expressions for all forms of a value. */
export const patternsOf = (value: string): readonly Anchored[] => [
  { pattern: textPattern(value), anchor: anchorOf(value) },
  ...base64Forms(value).map(form => ({
    pattern: form.replace(/[+/=]/g, sign => base64Signs[sign] ?? sign),
    anchor: anchorOf(form),
  })),
];

/** `NAME=value`, `NAME: value`, `"NAME":"value"`, also quoted once more. */
export const besidePattern = (name: string, value: string): Anchored => ({
  pattern: `(?<=${literal(name)}\\\\?["']?\\s?[:=]\\s?\\\\?["']?)${textPattern(value)}(?![\\w])`,
  anchor: nameAnchorOf(name),
});

/** No form of it is longer. */
export const longestForm = (value: string): number => 18 * value.length + 8;
