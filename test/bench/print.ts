// Figures as text for people and as JSON for programs.
import { type Figure, isMet, ratios, spread, type Series } from './figure.js';
import type { MeasuredOn } from './measured-on.js';

export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

const number = (value: number): string =>
  value.toLocaleString('en', { maximumSignificantDigits: value < 100 ? 3 : 4, useGrouping: false });

function spreadText(values: Series, unit: string): string {
  const { min, median, max } = spread(values);
  return `${number(min)} / ${number(median)} / ${number(max)}${unit}`;
}

function goalText({ goal, unit }: Figure): string {
  return goal.kind === 'ratio' ? `at most ${Number(goal.most.toFixed(3))} ×` : `at most ${goal.most} ${unit}`;
}

/** One figure in a few lines; minimum / median / maximum everywhere. */
export function figureText(figure: Figure): string {
  const { name, unit, ours, reference, peers = {}, note } = figure;
  const row = (label: string, text: string): string => `  ${label.padEnd(28)}${text}`;
  const ratio = ratios(figure);
  return [
    `${isMet(figure) ? 'met   ' : 'MISSED'} ${name}: ${goalText(figure)} (${ours.length} rounds)`,
    ...(ratio === undefined ? [] : [row('ratio', spreadText(ratio, ' ×'))]),
    row('portoser', spreadText(ours, ` ${unit}`)),
    ...(reference === undefined ? [] : [row(reference.name, spreadText(reference.values, ` ${unit}`))]),
    ...Object.entries(peers).map(([peer, values]) => row(peer, spreadText(values, ` ${unit}`))),
    ...(note === undefined ? [] : [row('', note)]),
  ].join('\n');
}

export function headText(on: MeasuredOn): string {
  const cores = `${on.cores} ${on.cores === 1 ? 'core' : 'cores'}`;
  return `${on.cpu}, ${cores}, ${on.memoryGB} GB, ${on.system}, Node ${on.node}, load ${number(on.load)} at the start
Minimum / median / maximum; a ratio is that of one round, in which both were measured one after the other.`;
}

export function asJson(on: MeasuredOn, figures: readonly Figure[], leftOut: readonly LeftOut[]): string {
  const rows = figures.map(figure => {
    const ratio = ratios(figure);
    return {
      ...figure,
      met: isMet(figure),
      oursSpread: spread(figure.ours),
      ...(figure.reference === undefined ? {} : { referenceSpread: spread(figure.reference.values) }),
      ...(ratio === undefined ? {} : { ratio: spread(ratio) }),
    };
  });
  return JSON.stringify({ measuredOn: on, figures: rows, leftOut }, null, 2);
}
