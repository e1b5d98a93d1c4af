// When changes may be applied: by windows, an instant, and the clocks of the place; also on days when these are changed.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Window } from '../../schema/registry-types.js';
import { isCron } from '../../reconciler/core/cron.js';
import { judgeWindows } from '../../reconciler/core/windows.js';
import { hasTimes, nextTime } from '../../reconciler/core/zoned-cron.js';

const hourMs = 3_600_000;
const window = (kind: Window['kind'], cron: string, hours: number, zone = 'UTC'): Window => ({
  kind,
  cron,
  lastsMs: hours * hourMs,
  zone,
});
const allow = (cron: string, hours: number, zone?: string) => window('allow', cron, hours, zone);
const deny = (cron: string, hours: number, zone?: string) => window('deny', cron, hours, zone);

/** `open`, or when it will be. */
function told(windows: readonly Window[], at: string): string {
  const opening = judgeWindows(windows, Date.parse(at));
  if (opening.open) return 'open';
  return opening.until === undefined ? 'never' : new Date(opening.until).toISOString().slice(0, 16);
}

const nights = allow('0 22 * * *', 4);
const berlin = 'Europe/Berlin';

describe('windows', () => {
  it.each([
    ['none', [], '2026-11-28T12:00:00Z', 'open'],
    ['before', [nights], '2026-11-28T21:59:59.999Z', '2026-11-28T22:00'],
    ['at its begin', [nights], '2026-11-28T22:00:00Z', 'open'],
    ['over midnight', [nights], '2026-11-29T01:59:59.999Z', 'open'],
    ['at its end', [nights], '2026-11-29T02:00:00Z', '2026-11-29T22:00'],
    ['the nearest of several', [nights, allow('0 12 * * 1-5', 1)], '2026-11-30T03:00:00Z', '2026-11-30T12:00'],
    ['on other days', [allow('0 12 * * 1-5', 1)], '2026-11-27T13:00:00Z', '2026-11-30T12:00'],
    ['longer than until the next', [allow('0 0 * * 1', 24 * 8)], '2026-11-29T03:00:00Z', 'open'],
    ['denied', [deny('0 8 * * *', 10)], '2026-11-28T12:00:00Z', '2026-11-28T18:00'],
    ['denied at other times', [deny('0 8 * * *', 10)], '2026-11-28T18:00:00Z', 'open'],
    ['denied within an allowing one', [nights, deny('0 23 * * *', 1)], '2026-11-28T23:30:00Z', '2026-11-29T00:00'],
    [
      'denied to the end of an allowing one',
      [nights, deny('0 23 * * *', 9)],
      '2026-11-28T23:30:00Z',
      '2026-11-29T22:00',
    ],
    [
      'denied by one after the other',
      [deny('0 8 * * *', 2), deny('30 9 * * *', 2)],
      '2026-11-28T08:00:00Z',
      '2026-11-28T11:30',
    ],
    ['denied for ever', [deny('* * * * *', 1)], '2026-11-28T08:00:00Z', 'never'],
    ['that come only in years', [allow('0 0 29 2 *', 1)], '2028-03-01T00:00:00Z', 'never'],
    ['with seconds', [allow('30 0 22 * * *', 1)], '2026-11-28T22:00:29Z', '2026-11-28T22:00'],
  ] as readonly (readonly [string, readonly Window[], string, string])[])('%s', (_, windows, at, expected) => {
    expect(told(windows, at)).toBe(expected);
  });

  it('are of their own place', () => {
    const here = allow('0 22 * * *', 4, berlin);
    expect(told([here], '2026-11-28T20:30:00Z')).toBe('2026-11-28T21:00');
    expect(told([here], '2026-07-28T20:30:00Z')).toBe('open');
    expect(told([allow('0 22 * * *', 4, 'America/New_York')], '2026-11-28T21:30:00Z')).toBe('2026-11-29T03:00');
    expect(told([allow('0 0 * * *', 1, 'Asia/Kathmandu')], '2026-11-28T12:00:00Z')).toBe('2026-11-28T18:15');
  });

  // In Europe/Berlin the clock goes from 02:00 to 03:00 on 2027-03-28 at 01:00 UTC, and from 03:00 to 02:00 on 2027-10-31 at 01:00 UTC.
  it.each([
    [
      'in the hour that is skipped opens when the clock is changed',
      '30 2 * * *',
      1,
      '2027-03-28T00:00:00Z',
      '2027-03-28T01:00',
    ],
    ['that began before it lasts as long as ever', '0 1 * * *', 2, '2027-03-28T01:59:59Z', 'open'],
    ['that began before it is over then', '0 1 * * *', 2, '2027-03-28T02:00:00Z', '2027-03-28T23:00'],
    ['in the hour that comes twice opens the first time', '30 2 * * *', 1, '2027-10-31T00:00:00Z', '2027-10-31T00:30'],
    ['in the hour that comes twice does not open again', '30 2 * * *', 1, '2027-10-31T01:30:00Z', '2027-11-01T01:30'],
    ['of the day after is by the new clock', '0 22 * * *', 4, '2027-10-31T12:00:00Z', '2027-10-31T21:00'],
  ] as const)('one %s', (_, cron, hours, at, expected) => {
    expect(told([allow(cron, hours, berlin)], at)).toBe(expected);
  });

  it('say what stands in the way, and until when by the clock of the place', () => {
    const why = (windows: readonly Window[]) => {
      const opening = judgeWindows(windows, Date.parse('2026-11-28T12:00:00Z'));
      return opening.open ? '' : opening.why;
    };
    expect(why([allow('0 22 * * *', 4, berlin)])).toBe(
      'it is outside of policy.windows until 2026-11-28 22:00 Europe/Berlin',
    );
    expect(why([deny('0 8 * * *', 10)])).toBe('policy.windows denies it until 2026-11-28 18:00 UTC');
    expect(why([deny('* * * * *', 1)])).toBe('policy.windows denies it, and nothing is allowed within a year');
  });
});

test('at the time that it names it is open, and just before it is not', () => {
  const part = fc.oneof(fc.constant('*'), fc.constant('*/7'), fc.nat(23).map(String));
  const crons = fc
    .tuple(part, part, fc.constantFrom('*', '1-5', 'sun'))
    .map(([minute, hour, day]) => `${minute} ${hour} * * ${day}`);
  const zones = fc.constantFrom('UTC', berlin, 'Australia/Lord_Howe', 'America/St_Johns', 'Africa/Cairo');
  const someWindow = fc.tuple(fc.constantFrom('allow', 'deny'), crons, fc.integer({ min: 1, max: 30 }), zones);
  const start = Date.parse('2027-01-01T00:00:00Z');
  fc.assert(
    fc.property(fc.array(someWindow, { minLength: 1, maxLength: 3 }), fc.nat(365 * 24 * 60), (written, minutes) => {
      const windows = written.map(([kind, cron, hours, zone]) => window(kind, cron, hours, zone));
      const now = start + minutes * 60_000;
      const opening = judgeWindows(windows, now);
      if (opening.open || opening.until === undefined) return;
      expect(opening.until).toBeGreaterThan(now);
      expect(judgeWindows(windows, opening.until).open).toBe(true);
      expect(judgeWindows(windows, opening.until - 1).open).toBe(false);
    }),
    { numRuns: 60 },
  );
});

describe('cron expressions', () => {
  it.each(['0 0 30 2 *', '*/1000 * * * *', '0 0 */99 * *'])('%s has no times', text => {
    expect([isCron(text), hasTimes(text)]).toEqual([true, false]);
  });

  it.each([
    ['5/20 * * * *', '2026-11-28T00:05'],
    ['0 0 * * 5-7', '2026-11-28T00:00'],
    ['0 0 13 * fri', '2026-12-04T00:00'],
    ['0 12 * jan,MAR mon-fri', '2027-01-01T12:00'],
    ['1-59/2 */6 * * *', '2026-11-28T00:01'],
  ])('%s is read as crontab(5) has it', (text, expected) => {
    const next = nextTime(text, 'UTC', Date.parse('2026-11-27T23:59:59Z'));
    expect([isCron(text), hasTimes(text), new Date(next ?? 0).toISOString().slice(0, 16)]).toEqual([
      true,
      true,
      expected,
    ]);
  });
});
