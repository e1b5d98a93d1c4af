// Columns side by side, as wide as what they hold; colours do not count.
// oxlint-disable-next-line no-control-regex -- colours begin with one
const colour = /\u001B\[\d+m/g;
const width = (text: string): number => text.replaceAll(colour, '').length;

/** Rows below their headings; trailing blanks are cut. */
export function table(rows: readonly (readonly string[])[], headings: readonly string[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map(row => width(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}
