// How the steps of each change of a batch ended, from the rows that the batch wrote; for history.
import { lastOf } from '../../schema/excerpt.js';
import type { StepEnd } from '../../schema/plan.js';
import type { Step } from '../drivers/driver.js';

/** A line of the batch's result: `<change>.<step>`, or what stands for several, with its exit code. */
export interface Row {
  readonly id: string;
  readonly code: number;
}

/** What the fixed rows of a batch did, for people. */
export const fixed: Readonly<Record<string, string>> = {
  claim: 'claim the placement',
  folders: 'make the folder',
  files: 'write the files',
  land: 'put the files in place',
};

type Steps = readonly { readonly steps: readonly Step[] }[];

/** The row that says how a step ended: its own, or that of the command it was joined into. */
function rowOf(rows: readonly Row[], all: Steps, change: number, index: number): Row | undefined {
  const own = rows.find(row => row.id === `${change}.${index}`);
  const step = all[change]?.steps[index];
  if (own !== undefined || step?.merge === undefined) return own;
  const { key, word } = step.merge;
  if (word !== undefined) return rows.find(row => row.id.startsWith(`merged.${step.phase}_`) && row.code === 0);
  const sharers = all.flatMap((one, at) =>
    one.steps.flatMap((two, no) => (two.merge?.key === key ? [`${at}.${no}`] : [])),
  );
  return rows.find(row => sharers.includes(row.id));
}

/** After it failed nothing more was made for a change, whatever was joined for others: rows come in the order of time. */
function rowsFor(rows: readonly Row[], change: number): readonly Row[] {
  const failedAt = rows.findIndex(({ id, code }) => {
    const [head = '', rest] = id.split('.');
    return code !== 0 && (head === String(change) || (head in fixed && rest === String(change)));
  });
  return failedAt === -1 ? rows : rows.slice(0, failedAt + 1);
}

function endOf(what: string, row: Row | undefined, outputs: ReadonlyMap<string, string>): StepEnd {
  if (row === undefined) return { what, result: 'not-run' };
  const tail = outputs.get(row.id)?.trimEnd() ?? '';
  const output = tail === '' ? {} : { outputTail: lastOf(tail, 2000) };
  return row.code === 0 ? { what, result: 'done', ...output } : { what, result: 'failed', code: row.code, ...output };
}

/** By index of the change. Fixed ones are named where there was something to do. */
export function stepEnds(
  rows: readonly Row[],
  outputs: ReadonlyMap<string, string>,
  all: Steps,
): ReadonlyMap<number, readonly StepEnd[]> {
  return new Map(
    all.map(({ steps }, change) => {
      const seen = rowsFor(rows, change);
      const before = ['claim', 'folders', 'files'].flatMap(name => {
        const row = seen.find(one => one.id === `${name}.${change}`);
        return row === undefined ? [] : [endOf(fixed[name] ?? name, row, outputs)];
      });
      const own = steps.map((step, index) => endOf(step.what, rowOf(seen, all, change, index), outputs));
      return [change, [...before, ...own]] as const;
    }),
  );
}
