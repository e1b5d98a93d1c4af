// Did-you-mean: the known word nearest to a mistyped one.

/** Letters to insert, delete, change or swap with their neighbour (optimal string alignment distance). */
export function distance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1)
      current.push(cell(from, to, row, column, { before, above, current }));
    [before, above] = [above, current];
  }
  return above[to.length] ?? 0;
}

interface Rows {
  readonly before: readonly number[];
  readonly above: readonly number[];
  readonly current: readonly number[];
}

function cell(from: string, to: string, row: number, column: number, rows: Rows): number {
  const same = from[row - 1] === to[column - 1];
  const change = (rows.above[column - 1] ?? 0) + (same ? 0 : 1);
  const best = Math.min(change, (rows.above[column] ?? 0) + 1, (rows.current[column - 1] ?? 0) + 1);
  const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
  return swapped ? Math.min(best, (rows.before[column - 2] ?? 0) + 1) : best;
}

const longest = 64;

/** The nearest known word, when it is near enough to be meant; long words are not compared. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > longest) return undefined;
  const wanted = normal(word);
  let best: { readonly word: string; readonly away: number } | undefined;
  for (const candidate of known) {
    const away = distance(wanted, normal(candidate));
    if (away <= Math.max(1, Math.floor(candidate.length / 3)) && away < (best?.away ?? Infinity))
      best = { word: candidate, away };
  }
  return best?.word;
}

function normal(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

/** The hint for a mistyped word: the nearest known one, or all of them when they are few. */
export function didYouMean(word: string, names: readonly string[]): string | undefined {
  const known = [...new Set(names)];
  const near = closest(word, known);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return known.length > 0 && known.length <= 8 ? `known are: ${known.join(', ')}` : undefined;
}
