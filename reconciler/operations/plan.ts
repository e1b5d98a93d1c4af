// Works out what would be changed, and changes nothing.
import { everyChange } from '../../schema/holds.js';
import type { Diagnostic } from '../../schema/diagnostics.js';
import type { ErrorReport } from '../../schema/errors.js';
import type { Plan } from '../../schema/plan.js';
import type { Verdict } from '../../schema/state.js';
import { preview } from '../loop/preview.js';
import { checkChosen } from './parts/names.js';
import type { Operation } from './operation.js';
import { forLoop } from './parts/selection.js';
import { choice, flag, object, selection } from './parts/shape.js';

export interface PlanReport {
  /** `work-tree`: made from the files as they lie there. */
  readonly commit: string;
  /** The files differ from the commit. */
  readonly differs: boolean;
  /** Why the rewritten branch is not followed. */
  readonly held?: string;
  /** A newer commit that was refused; the plan is of the last good one. */
  readonly refused?: string;
  readonly outage?: ErrorReport;
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when the registry is not valid. */
  readonly plan?: Plan;
  /** How many would be made, those that wait included. */
  readonly changes: number;
  /** Writes that killed processes had begun; the next `run` or `deploy` looks what became of them. */
  readonly left: number;
  /** One look at the health of each placement. */
  readonly health: Readonly<Record<string, Verdict>>;
}

const input = object({
  ...selection,
  from: choice(['files', 'commit'], 'The files as they lie there (default), or the newest commit'),
  again: flag('As a person deploys: revisions that failed are tried again'),
});

export const plan: Operation<typeof input, PlanReport> = {
  name: 'plan',
  summary: 'What would be changed, and why; only reads',
  effect: 'reads',
  role: 'viewer',
  input,
  run: async ({ ports, lists }, { from = 'files', again = false, ...chosen }) => {
    await checkChosen(ports, from, chosen);
    const {
      synced,
      plan: made,
      verdicts,
    } = await preview(ports, lists, {
      from,
      again,
      check: true,
      ...forLoop(chosen),
    });
    const { commit, differs = false, held, refused, outage, diagnostics } = synced;
    return {
      commit,
      differs,
      ...(held === undefined ? {} : { held }),
      ...(refused === undefined ? {} : { refused }),
      ...(outage === undefined ? {} : { outage }),
      diagnostics,
      ...(made === undefined ? {} : { plan: made }),
      changes: made === undefined ? 0 : everyChange(made).length,
      left: (await ports.journal.left()).length,
      health: Object.fromEntries(verdicts ?? []),
    };
  },
};
