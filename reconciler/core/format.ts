// Diagnostics as text for people: one block each, with the lines that they are about.
import type { Diagnostic, Position } from '../../schema/diagnostics.js';
import { sorted } from './sort-diagnostics.js';

const tabAs = ' ';
/** Longer lines are cut around the column. */
const maxWidth = 110;

/**
 * Readable text, without colour: place, code and message of each, a frame of its line where `texts` (by file) has it, what
 * was expected, the hint, further places; then a line that counts them. No diagnostics: an empty text.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  texts: ReadonlyMap<string, string> = new Map(),
): string {
  if (diagnostics.length === 0) return '';
  const lines = new Map([...texts].map(([file, text]) => [file, text.split(/\r?\n/)]));
  const blocks = sorted(diagnostics).map(one => formatOne(one, lines).join('\n'));
  return `${blocks.join('\n\n')}\n\n${summary(diagnostics)}\n`;
}

function place({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** What a terminal would act on is shown as a box. */
function visible(text: string): string {
  return text
    .replaceAll('\t', tabAs)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\uFFFD');
}

function formatOne(one: Diagnostic, lines: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const at = one.path === '' ? '' : ` (${one.path})`;
  const told = one.expected !== undefined && !one.message.includes(one.expected) ? [`  expected: ${one.expected}`] : [];
  return [
    `${place(one)}: ${one.severity} ${one.code}: ${visible(one.message)}${visible(at)}`,
    ...frame(one, lines.get(one.file)),
    ...told,
    ...(one.hint === undefined ? [] : [`  hint: ${visible(one.hint)}`]),
    ...(one.related ?? []).flatMap(other => [
      `  see ${place(other)}: ${visible(other.message)}`,
      ...frame(other, lines.get(other.file)),
    ]),
  ];
}

/** The line, and a caret below the column. */
function frame({ line, column }: Position, lines: readonly string[] | undefined): readonly string[] {
  const text = lines?.[line - 1];
  if (text === undefined || text.trim() === '') return [];
  const from = column > maxWidth - 10 ? column - 40 : 0;
  const number = String(line);
  const shown = visible(text.slice(from, from + maxWidth));
  return [`  ${number} | ${shown}`, `  ${' '.repeat(number.length)} | ${' '.repeat(Math.max(0, column - 1 - from))}^`];
}

/** `2 errors, 1 warning` */
export function summary(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic['severity']): string | undefined => {
    const number = diagnostics.filter(one => one.severity === severity).length;
    return number === 0 ? undefined : `${number} ${severity}${number === 1 ? '' : 's'}`;
  };
  return [count('error'), count('warning')].filter(one => one !== undefined).join(', ') || 'no diagnostics';
}
