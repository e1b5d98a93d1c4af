// Uptime: the arithmetic by stories with their figures, and its laws over any transitions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stretchesOf, type Unwatched, unwatchedOf, uptimeOf } from '../../reconciler/core/uptime.js';
import type { HealthState } from '../../schema/state.js';

const minute = 60_000;

interface Move {
  readonly at: number;
  readonly from: HealthState;
  readonly to: HealthState;
  readonly lastedMs: number;
}

/** `30 healthy` = healthy from minute 30 on; the first is how it began. The last word of a story is still so. */
function movesOf(story: string): readonly Move[] {
  const steps = story.split(', ').map(step => {
    const [at = '', state = ''] = step.split(' ');
    return { at: Number(at) * minute, state: state as HealthState };
  });
  return steps.slice(1).map(({ at, state }, index) => {
    const before = steps[index] ?? { at, state };
    return { at, from: before.state, to: state, lastedMs: at - before.at };
  });
}

/** In minutes, over the time from one to another. */
function told(story: string, from: number, to: number, unwatched: readonly Unwatched[] = []) {
  const found = uptimeOf(movesOf(story), { from: from * minute, to: to * minute }, unwatched);
  const inMinutes = Object.entries(found).map(([name, value]) => [
    name,
    /Ms$|Since$/.test(name) ? value / minute : value,
  ]);
  return Object.fromEntries(inMinutes) as object;
}

const sums = (upMs: number, downMs: number, plannedMs: number, unknownMs: number, failures: number) => ({
  upMs,
  downMs,
  plannedMs,
  unknownMs,
  failures,
});

describe('of one hundred minutes', () => {
  it.each<[string, string, object]>([
    ['always healthy, begun before', '-50 unknown, -40 healthy', { ...sums(100, 0, 0, 0, 0), availability: 1 }],
    [
      'one outage of ten',
      '-50 unknown, -40 healthy, 30 unhealthy, 40 healthy',
      { ...sums(90, 10, 0, 0, 1), availability: 0.9, mtbfMs: 90, mttrMs: 10 },
    ],
    [
      'two outages, one of them open',
      '-9 unknown, -1 healthy, 20 unhealthy, 30 healthy, 70 unhealthy',
      { ...sums(60, 40, 0, 0, 2), availability: 0.6, mtbfMs: 30, mttrMs: 20, downSince: 70 },
    ],
    [
      'an outage that began before',
      '-50 healthy, -40 unhealthy, 25 healthy',
      { ...sums(75, 25, 0, 0, 1), availability: 0.75, mtbfMs: 75, mttrMs: 25 },
    ],
    [
      'never up',
      '-50 unknown, -40 unhealthy',
      { ...sums(0, 100, 0, 0, 1), availability: 0, mtbfMs: 0, mttrMs: 100, downSince: -40 },
    ],
    [
      'a deploy is neither up nor down',
      '-9 unknown, 0 healthy, 50 starting, 60 healthy',
      { ...sums(90, 0, 10, 0, 0), availability: 1 },
    ],
    [
      'a deploy that fails is an outage from its first bad answer on',
      '-9 unknown, 0 healthy, 50 starting, 60 unhealthy, 80 starting, 81 healthy',
      { ...sums(69, 20, 11, 0, 1), availability: 69 / 89, mtbfMs: 69, mttrMs: 20 },
    ],
    [
      'what is planned or unknown in an outage does not end it',
      '-9 unknown, 0 healthy, 10 unhealthy, 20 starting, 25 unhealthy, 30 unknown, 35 unhealthy, 40 suspended, 50 healthy',
      { ...sums(60, 20, 15, 5, 1), availability: 0.75, mtbfMs: 60, mttrMs: 20 },
    ],
    [
      'suspended, and then looked at anew',
      '-9 unknown, 0 healthy, 40 suspended, 60 unknown, 61 healthy',
      { ...sums(79, 0, 20, 1, 0), availability: 1 },
    ],
    ['it left the registry', '-9 unknown, 0 healthy, 40 unknown', { ...sums(40, 0, 0, 60, 0), availability: 1 }],
    ['watched from the middle on', '50 unknown, 51 healthy', { ...sums(49, 0, 0, 51, 0), availability: 1 }],
    ['nothing known in it', '-50 healthy, -40 unknown', sums(0, 0, 0, 100, 0)],
    ['only a deploy in it', '-50 healthy, -40 starting', sums(0, 0, 100, 0, 0)],
    ['it begins only afterwards', '150 unknown, 151 healthy', sums(0, 0, 0, 100, 0)],
  ])('%s', (_, story, expected) => {
    expect(told(story, 0, 100)).toEqual(expected);
  });

  it('no transitions: all of it is unknown, and nothing is divided by nothing', () => {
    expect(uptimeOf([], { from: 0, to: 100 })).toEqual(sums(0, 0, 0, 100, 0));
    expect(uptimeOf([], { from: 100, to: 100 })).toEqual(sums(0, 0, 0, 0, 0));
  });
});

describe('when no controller watched', () => {
  const healthy = '-9 unknown, 0 healthy';
  const resumed = [...movesOf(healthy), { at: 81 * minute, from: 'unknown', to: 'healthy', lastedMs: minute }] as const;
  const over = (unwatched: readonly Unwatched[]) => {
    const { upMs, unknownMs } = uptimeOf(resumed, { from: 0, to: 100 * minute }, unwatched);
    return [upMs / minute, unknownMs / minute];
  };
  const gap = (from: number, to: number): Unwatched => ({ from: from * minute, to: to * minute });

  it.each<[string, readonly Unwatched[], readonly number[]]>([
    ['from its stop to the next start all is unknown', [gap(50, 80)], [50 + 19, 31]],
    ['of several gaps the first ends what was seen', [gap(60, 80), gap(50, 55)], [50 + 19, 31]],
    ['one that lies before it means nothing', [gap(-30, -20), gap(50, 80)], [50 + 19, 31]],
    ['a stop that nobody knows of leaves nothing of what was not seen to end', [gap(-Infinity, 80)], [19, 81]],
    ['the gap began before the state was entered, by a clock that was set', [gap(-5, 80)], [19, 81]],
  ])('%s', (_, unwatched, expected) => expect(over(unwatched)).toEqual(expected));

  it('a state that nobody saw end lasts until the last one ended', () => {
    expect(told(healthy, 0, 100, [gap(70, Infinity)])).toEqual({ ...sums(70, 0, 0, 30, 0), availability: 1 });
    expect(told(healthy, 0, 100)).toMatchObject({ upMs: 100 });
    const down = '-9 unknown, 0 unhealthy';
    expect(told(down, 0, 100, [gap(70, Infinity)])).not.toHaveProperty('downSince');
  });

  it('gaps are between lives: from a stop, or what the killed one last noted, to the next start', () => {
    const lives = [
      { at: 30, started: true, seenUntil: 20 },
      { at: 0, started: true },
      { at: 40, started: false },
      { at: 50, started: true },
    ];
    const gaps = [
      { from: -Infinity, to: 0 },
      { from: 20, to: 30 },
      { from: 40, to: 50 },
    ];
    expect(unwatchedOf(lives, 'watches')).toEqual(gaps);
    expect(unwatchedOf(lives, 60)).toEqual([...gaps, { from: 60, to: Infinity }]);
    expect(unwatchedOf(lives, undefined)).toEqual([...gaps, { from: -Infinity, to: Infinity }]);
    expect(unwatchedOf([...lives, { at: 55, started: false }], 60).at(-1)).toEqual({ from: 55, to: Infinity });
    expect(unwatchedOf([], 'watches')).toEqual([]);
  });
});

const state = fc.constantFrom<HealthState>('healthy', 'unhealthy', 'starting', 'unknown', 'suspended');
/** One monitor's: each goes on where the one before ended. */
const chain = fc
  .tuple(state, fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), state), { minLength: 1, maxLength: 12 }))
  .map(([first, steps]) => {
    let at = 0;
    let from = first;
    return steps.map(([lastedMs, to]): Move => {
      at += lastedMs;
      const move = { at, from, to, lastedMs };
      from = to;
      return move;
    });
  });
/** Clocks that were set, watches that overlap, records that are missing. */
const anyMoves = fc.array(
  fc.record({
    at: fc.integer({ min: -50, max: 300 }),
    from: state,
    to: state,
    lastedMs: fc.integer({ min: -5, max: 200 }),
  }),
  { maxLength: 12 },
);
const gaps = fc.array(
  fc.record({
    from: fc.oneof(fc.integer({ min: -50, max: 300 }), fc.constant(-Infinity)),
    to: fc.integer({ min: -50, max: 320 }),
  }),
  { maxLength: 4 },
);
const anyTime = fc.tuple(fc.nat(200), fc.nat(200)).map(([from, length]) => ({ from, to: from + length }));

describe('whatever the transitions', () => {
  it('the four parts are all of the time, none is negative, and rates agree with each other', () => {
    fc.assert(
      fc.property(anyMoves, anyTime, gaps, (moves, time, unwatched) => {
        const { upMs, downMs, plannedMs, unknownMs, ...more } = uptimeOf(moves, time, unwatched);
        expect(upMs + downMs + plannedMs + unknownMs).toBe(time.to - time.from);
        expect(Math.min(upMs, downMs, plannedMs, unknownMs)).toBeGreaterThanOrEqual(0);
        const { failures, availability, mtbfMs, mttrMs } = more;
        expect(availability === undefined).toBe(upMs + downMs === 0);
        expect([failures > 0, mtbfMs !== undefined, mttrMs !== undefined]).toEqual(Array(3).fill(downMs > 0));
        const { from, to } = { from: mtbfMs ?? upMs, to: mttrMs ?? downMs };
        expect(availability ?? 0).toBeCloseTo(from / (from + to || 1), 10);
      }),
      { numRuns: 2000 },
    );
  });

  it('states follow each other without gap or overlap, whatever order the records come in', () => {
    fc.assert(
      fc.property(anyMoves, gaps, (moves, unwatched) => {
        const all = stretchesOf(moves, 400, unwatched);
        const ends = all.map(one => one.to);
        expect(all.slice(1).map(one => one.from)).toEqual(ends.slice(0, -1));
        expect(all.every(one => one.to > one.from)).toBe(true);
        expect(
          new Set(moves.map(one => one.at)).size < moves.length ? all : stretchesOf(moves.toReversed(), 400, unwatched),
        ).toEqual(all);
      }),
      { numRuns: 1000 },
    );
  });

  it('of one watch, each millisecond counts as what a plain look at that moment says', () => {
    const stateAt = (moves: readonly Move[], at: number): HealthState =>
      moves.findLast(one => one.at <= at)?.to ?? (at >= 0 ? moves[0]?.from : undefined) ?? 'unknown';
    fc.assert(
      fc.property(chain, anyTime, (moves, time) => {
        const seen = Array.from({ length: time.to - time.from }, (_, index) => stateAt(moves, time.from + index));
        const count = (...states: HealthState[]) => seen.filter(one => states.includes(one)).length;
        expect(uptimeOf(moves, time)).toMatchObject({
          upMs: count('healthy'),
          downMs: count('unhealthy'),
          plannedMs: count('starting', 'suspended'),
          unknownMs: count('unknown'),
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('two times that meet have the sums of both', () => {
    fc.assert(
      fc.property(anyMoves, gaps, fc.nat(100), fc.nat(100), (moves, unwatched, first, second) => {
        const of = (from: number, to: number) => uptimeOf(moves, { from, to }, unwatched);
        const [all, early, late] = [of(0, first + second), of(0, first), of(first, first + second)];
        for (const part of ['upMs', 'downMs', 'plannedMs', 'unknownMs'] as const)
          expect(early[part] + late[part], part).toBe(all[part]);
      }),
      { numRuns: 1000 },
    );
  });
});
