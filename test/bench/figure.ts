// What a figure is: measured values of ours beside those of a reference from the same rounds, and the goal that they are held to.

/** The values of all rounds, in the order in which they were taken. */
export type Series = readonly number[];

export type Goal =
  /** At most so many times the reference. */
  | { readonly kind: 'ratio'; readonly most: number }
  /** At most so much, in the figure's unit. */
  | { readonly kind: 'value'; readonly most: number };

export interface Figure {
  readonly name: string;
  readonly unit: 'ms' | 'µs' | 'MB';
  readonly goal: Goal;
  readonly ours: Series;
  readonly reference?: { readonly name: string; readonly values: Series };
  /** Shown beside ours, without a goal: other programs that do the same work, or the same in other circumstances. */
  readonly peers?: Readonly<Record<string, Series>>;
  /** What the values are of, where the name does not say it. */
  readonly note?: string;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly rounds: number;
}

export function spread(values: Series): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1), rounds: sorted.length };
}

/** Ours to the reference, round by round: both of a round met the same load. */
export function ratios(figure: Figure): Series | undefined {
  const reference = figure.reference?.values;
  return reference === undefined
    ? undefined
    : figure.ours.map((value, round) => value / (reference[round] ?? Number.NaN));
}

/** Judged by the median: one disturbed round decides nothing. */
export function isMet(figure: Figure): boolean {
  const { goal } = figure;
  const judged = goal.kind === 'ratio' ? ratios(figure) : figure.ours;
  return judged !== undefined && spread(judged).median <= goal.most;
}
