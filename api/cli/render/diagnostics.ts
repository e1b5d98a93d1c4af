// What is wrong with the registry, for people: place, words, what was expected, what to do.
import type { Diagnostic } from '../../../schema/diagnostics.js';
import type { Paint } from '../paint.js';

const place = (one: { readonly file: string; readonly line: number; readonly column: number }): string =>
  `${one.file}:${one.line}:${one.column}`;

function diagnosticText(one: Diagnostic, paint: Paint): string {
  const severity = one.severity === 'error' ? paint.bad('error') : paint.warn('warning');
  const expected = one.expected === undefined ? [] : [`    expected: ${one.expected}`];
  const hint = one.hint === undefined ? [] : [`    ${one.hint}`];
  const related = (one.related ?? []).map(other => `    ${place(other)}: ${other.message}`);
  const head = `${paint.strong(place(one))} ${severity} ${one.message} ${paint.faint(`[${one.code}]`)}`;
  return [head, ...expected, ...related, ...hint].join('\n');
}

export function diagnosticsText(diagnostics: readonly Diagnostic[], paint: Paint): string {
  return diagnostics.map(one => diagnosticText(one, paint)).join('\n');
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** `2 errors, 1 warning`; empty when there are none. */
export function diagnosticsCount(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(one => one.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  return [errors > 0 ? counted(errors, 'error') : '', warnings > 0 ? counted(warnings, 'warning') : '']
    .filter(Boolean)
    .join(', ');
}

export const count = counted;
