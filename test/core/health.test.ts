// The health state machine: by tables, and by properties over any course of verdicts.
import { array, assert, constantFrom, integer, property, record as recordOf } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Health } from '../../schema/registry-types.js';
import type { Verdict } from '../../schema/state.js';
import {
  combine,
  type HealthRecord,
  type HealthStep,
  judgeHealth,
  newHealth,
  restartHealth,
  suspendHealth,
  unsuspendHealth,
} from '../../reconciler/core/health.js';
import { someHealth } from '../fakes/specs.js';

const pass: Verdict = { state: 'pass', found: 'HTTP 200' };
const fail: Verdict = { state: 'fail', found: 'HTTP 502' };
const unknown: Verdict = { state: 'unknown', found: 'm1 cannot be reached' };

/** `p`ass, `f`ail, `u`nknown, `r`estart, `s`uspend, `o` no longer; one a second. */
function play(course: string, health: Health = someHealth([])): readonly HealthRecord[] {
  let record = newHealth(0);
  return course.split('').map((what, index) => {
    const now = (index + 1) * 1000;
    const step: Record<string, () => HealthStep> = {
      p: () => judgeHealth(record, [pass], now, health),
      f: () => judgeHealth(record, [fail], now, health),
      u: () => judgeHealth(record, [unknown], now, health),
      r: () => restartHealth(record, now),
      s: () => suspendHealth(record, now, 'by hand'),
      o: () => unsuspendHealth(record, now),
    };
    record = step[what]?.().record ?? record;
    return record;
  });
}

const letters = { healthy: 'H', unhealthy: 'X', starting: 'S', unknown: '?', suspended: 'Z' } as const;
const states = (course: string, changes: Partial<Health> = {}) =>
  play(course, someHealth([], changes))
    .map(record => letters[record.state])
    .join('');

test.each<[string, string, string, Partial<Health>?]>([
  ['one success is healthy', 'p', 'H'],
  ['retries failures in a row are unhealthy', 'pfff', 'HHHX'],
  ['a success between starts the count anew', 'pffpff', 'HHHHHH'],
  ['one success heals', 'pfffp', 'HHHXH'],
  ['retries of one', 'pf', 'HX', { retries: 1 }],
  ['retries of zero is one', 'pf', 'HX', { retries: 0 }],
  ['never seen healthy: not called healthy before it is decided', 'fff', '??X'],
  ['unknown is no failure', 'puuuuu', 'H?????'],
  ['unknown keeps the count', 'pffuf', 'HHH?X'],
  ['unknown forgets nothing about the unhealthy', 'pfffuf', 'HHHX?X'],
  ['back from unknown with one failure: not healthy yet', 'puf', 'H??'],
  ['a restart is starting until it is decided', 'prffp', 'HSSSH'],
  ['a restart forgets failures', 'pffrff', 'HHHSSS'],
  ['a restart that fails', 'prfff', 'HSSSX'],
  ['failures within the start period do not count', 'prffffff', 'HSSSSSSX', { startPeriodMs: 4000 }],
  ['a success within the start period counts', 'prffpfff', 'HSSSHHHX', { startPeriodMs: 60_000 }],
  ['a second restart begins a new start period', 'prffrffff', 'HSSSSSSSS', { startPeriodMs: 2500 }],
  ['suspended, and back', 'psof', 'HZ??'],
  ['not suspended: nothing to take back', 'po', 'HH'],
])('%s: %s', (_, course, expected, changes = {}) => {
  expect(states(course, changes)).toBe(expected);
});

test('a transition says from, to, when, how long and what was found', () => {
  const health = someHealth([], { retries: 1 });
  const up = judgeHealth(newHealth(0), [pass], 1000, health);
  expect(up.transition).toEqual({ from: 'unknown', to: 'healthy', at: 1000, lastedMs: 1000, found: 'HTTP 200' });
  const still = judgeHealth(up.record, [pass], 5000, health);
  expect(still).toEqual({ record: { state: 'healthy', since: 1000, failuresInARow: 0, found: 'HTTP 200' } });
  const down = judgeHealth(still.record, [fail], 9000, health);
  expect(down.transition).toEqual({ from: 'healthy', to: 'unhealthy', at: 9000, lastedMs: 8000, found: 'HTTP 502' });
});

describe('many checks, one verdict', () => {
  const other: Verdict = { state: 'fail', found: 'exit code 1' };
  test.each<[readonly Verdict[], Verdict]>([
    [[], { state: 'pass', found: '' }],
    [[pass, pass], pass],
    [[pass, fail], fail],
    [[unknown, pass], unknown],
    [[unknown, fail], fail],
    [[fail, other, fail, pass], { state: 'fail', found: 'HTTP 502; exit code 1' }],
  ])('%j → %j', (verdicts, expected) => expect(combine(verdicts)).toEqual(expected));
});

/** What may be said of one step of any course; each line is true or the property is broken. */
function allowed(what: string | undefined, before: HealthRecord, after: HealthRecord, retries: number): boolean {
  const entered = (state: HealthRecord['state']) => after.state === state && before.state !== state;
  const rules = [
    what !== 'p' || after.state === 'healthy',
    !entered('healthy') || what === 'p',
    !entered('unhealthy') || (what === 'f' && after.failuresInARow >= Math.max(1, retries)),
    what !== 'u' || (after.state === 'unknown' && after.failuresInARow === before.failuresInARow),
    !entered('suspended') || what === 's',
    !entered('starting') || what === 'r',
  ];
  return rules.every(Boolean);
}

describe('over any course', () => {
  const course = array(constantFrom('p', 'f', 'u', 'r', 's', 'o'), { maxLength: 60 }).map(all => all.join(''));
  const retries = integer({ min: 0, max: 6 });
  const health = recordOf({ retries, startPeriodMs: integer({ min: 0, max: 20_000 }) }).map(some =>
    someHealth([], some),
  );

  test('healthy only by a success, unhealthy only by retries failures in a row, starting and suspended only by hand', () => {
    assert(
      property(course, health, (all, settings) => {
        const records = [newHealth(0), ...play(all, settings)];
        return all.split('').every((what, at) => {
          const [before, after] = records.slice(at, at + 2);
          return before !== undefined && after !== undefined && allowed(what, before, after, settings.retries);
        });
      }),
    );
  });

  test('a transition is told exactly when the state changed, and its times add up', () => {
    assert(
      property(array(constantFrom(pass, fail, unknown), { maxLength: 60 }), health, (all, settings) => {
        let record = newHealth(0);
        let toldMs = 0;
        return all.every((verdict, index) => {
          const before = record;
          const step = judgeHealth(before, [verdict], (index + 1) * 1000, settings);
          record = step.record;
          toldMs += step.transition?.lastedMs ?? 0;
          const told = step.transition === undefined ? before.state : step.transition.to;
          return (
            told === record.state && (step.transition?.from ?? before.state) === before.state && toldMs === record.since
          );
        });
      }),
    );
  });
});
