// What came of a controller's passes since it began, counted: for who watches it from outside.
import { everyChange } from '../../schema/holds.js';
import type { Histogram } from '../../schema/measures.js';
import type { Outcome, Plan, Reason } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';

/** Seconds. A pass over nothing takes less than a second, one that deploys some minutes. */
const bounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const;

const results = ['applied', 'failed'] as const;
const everyReason: Readonly<Record<Reason, true>> = {
  missing: true,
  stopped: true,
  changed: true,
  drifted: true,
  unhealthy: true,
  moved: true,
  orphaned: true,
};
const reasons = Object.keys(everyReason) as readonly Reason[];

export interface Counts {
  /** By `next`. */
  readonly passes: Readonly<Record<PassReport['next']['next'], number>>;
  readonly durations: Histogram;
  /** Of every kind, also where there were none: who counts what is new needs to have seen the nought before. */
  readonly changes: readonly {
    readonly reason: Reason;
    readonly result: (typeof results)[number];
    readonly count: number;
  }[];
  readonly last?: PassReport;
}

export interface Tally {
  note(report: PassReport): void;
  /** The end of a change that its pass had left going on. */
  noteLate(outcome: Outcome, plan: Plan): void;
  read(): Counts;
}

export function openTally(): Tally {
  const passes = { settled: 0, again: 0, stalled: 0 };
  const counts = bounds.map(() => 0);
  const changes = new Map<string, number>();
  let sum = 0;
  let made = 0;
  let last: PassReport | undefined;
  const count = (outcomes: readonly Outcome[], plan: Plan | undefined): void => {
    const whys = new Map(plan && everyChange(plan).map(one => [one.key, one.reason]));
    for (const { key, result } of outcomes) {
      if (result !== 'applied' && result !== 'failed') continue;
      // What no change of this plan stands for was condemned: it became ill after its deploy.
      const name = `${whys.get(key) ?? 'unhealthy'} ${result}`;
      changes.set(name, (changes.get(name) ?? 0) + 1);
    }
  };
  return {
    note(report) {
      last = report;
      passes[report.next.next] += 1;
      const seconds = Math.max(0, report.endedAt - report.startedAt) / 1000;
      bounds.forEach((bound, index) => (counts[index] = (counts[index] ?? 0) + (seconds <= bound ? 1 : 0)));
      sum += seconds;
      made += 1;
      count(report.outcomes, report.plan);
    },
    noteLate: (outcome, plan) => count([outcome], plan),
    read: () => ({
      passes: { ...passes },
      durations: { buckets: bounds.map((bound, index) => [bound, counts[index] ?? 0] as const), count: made, sum },
      changes: reasons.flatMap(reason =>
        results.map(result => ({ reason, result, count: changes.get(`${reason} ${result}`) ?? 0 })),
      ),
      ...(last === undefined ? {} : { last }),
    }),
  };
}
