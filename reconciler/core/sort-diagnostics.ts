// The order in which diagnostics are told: the main file's first, as they stand in it.
import type { Diagnostic } from '../../schema/diagnostics.js';

/** By file in order of appearance, then line, column, errors before warnings. */
export function sorted(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const files = [...new Set(diagnostics.map(({ file }) => file))];
  const rank = ({ severity }: Diagnostic): number => (severity === 'error' ? 0 : 1);
  return diagnostics.toSorted(
    (a, b) =>
      files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column || rank(a) - rank(b),
  );
}
