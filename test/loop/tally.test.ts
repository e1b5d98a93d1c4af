// What passes came to, counted from the start of the controller.
import { describe, expect, it } from 'vitest';
import { openTally } from '../../reconciler/loop/tally.js';
import type { Change, Outcome, Plan } from '../../schema/plan.js';
import type { PassReport } from '../../schema/status.js';

const change = (key: string, reason: Change['reason']) => ({ key, reason }) as Change;
const outcome = (key: string, result: Outcome['result']) => ({ key, result }) as Outcome;
const report = (seconds: number, next: PassReport['next']['next'], more: Partial<PassReport> = {}): PassReport => ({
  id: 'p',
  trigger: 'interval',
  startedAt: 1000,
  endedAt: 1000 + seconds * 1000,
  diagnostics: [],
  outcomes: [],
  findings: [],
  next: next === 'settled' ? { next } : { next, why: 'x', afterMs: 1 },
  ...more,
});

describe('a tally', () => {
  it('counts passes by what came of them and by how long they took', () => {
    const tally = openTally();
    const reports = [report(0.1, 'settled'), report(0.2, 'again'), report(7, 'again'), report(3000, 'stalled')];
    reports.forEach(tally.note);
    const { passes, durations, last } = tally.read();
    expect(passes).toEqual({ settled: 1, again: 2, stalled: 1 });
    expect([durations.count, durations.sum, last]).toEqual([4, 3007.3, reports[3]]);
    const at = new Map(durations.buckets);
    expect([0.1, 0.25, 5, 10, 600].map(bound => at.get(bound))).toEqual([1, 2, 2, 3, 3]);
  });

  it('takes a clock that was set back for no time at all', () => {
    const tally = openTally();
    tally.note(report(-5, 'settled'));
    expect(tally.read().durations).toMatchObject({ count: 1, sum: 0 });
  });

  it('counts changes by why and how they ended, and tells also what never happened', () => {
    const tally = openTally();
    const plan = {
      waves: [[change('a@m', 'changed'), change('b@m', 'drifted')], [change('c@m', 'changed')]],
    } as unknown as NonNullable<PassReport['plan']>;
    const outcomes = [outcome('a@m', 'applied'), outcome('b@m', 'failed'), outcome('c@m', 'skipped')];
    tally.note(report(1, 'again', { plan, outcomes }));
    tally.note(report(1, 'again', { plan, outcomes: [outcome('a@m', 'applied'), outcome('ill@m', 'failed')] }));
    const { changes } = tally.read();
    expect(changes).toHaveLength(14);
    expect(changes.filter(one => one.count > 0)).toEqual([
      { reason: 'changed', result: 'applied', count: 2 },
      { reason: 'drifted', result: 'failed', count: 1 },
      { reason: 'unhealthy', result: 'failed', count: 1 },
    ]);
  });

  it('counts what outlasted its pass when it has ended', () => {
    const tally = openTally();
    const plan = { waves: [[change('a@m', 'moved'), change('b@m', 'changed')]] } as unknown as Plan;
    tally.note(report(1, 'again', { plan, outcomes: [outcome('a@m', 'in-progress'), outcome('b@m', 'in-progress')] }));
    tally.noteLate(outcome('a@m', 'failed'), plan);
    tally.noteLate(outcome('b@m', 'skipped'), plan);
    const { changes, passes } = tally.read();
    expect(changes.filter(one => one.count > 0)).toEqual([{ reason: 'moved', result: 'failed', count: 1 }]);
    expect(passes.again).toBe(1);
  });
});
