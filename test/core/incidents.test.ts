// What is told of incidents, and when: by tables, and by laws over whatever happens.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Amiss,
  calmMs,
  type Incidents,
  type Look,
  nextStepAt,
  noIncidents,
  nothingSeen,
  repeatMs,
  step,
} from '../../reconciler/core/incidents.js';
import type { Telling } from '../../schema/notify.js';

const minuteMs = 60_000;
const start = 1_700_000_000_000;

const amiss = (more: Partial<Amiss> = {}): Amiss => ({
  key: 'machine.down:m1',
  kind: 'machine.down',
  subject: 'm1',
  what: 'cannot be looked at',
  why: 'no route',
  ...more,
});

const sees = (...seen: readonly Amiss[]): Look => ({ seen, ended: () => 'it answers' });

/** What is told at each minute: `open`, `again`, `over`, or nothing. */
function told(looks: readonly (readonly [minute: number, look: Look])[]): readonly string[] {
  let incidents = noIncidents;
  return looks.flatMap(([minute, look]) => {
    // As a start in between leaves it.
    const read = JSON.parse(JSON.stringify(incidents)) as Incidents;
    const after = step(read, look, start + minute * minuteMs);
    incidents = after.incidents;
    return after.tellings.map(one => `${minute} ${one.state} ${one.subject}`);
  });
}

describe('an incident', () => {
  it('is told once, hourly while it lasts, and once when it is over', () => {
    const looks = [0, 1, 30, 59, 60, 61, 119, 120].map(minute => [minute, sees(amiss())] as const);
    expect(told([...looks, [130, sees()], [131, sees()]])).toEqual([
      '0 open m1',
      '60 again m1',
      '120 again m1',
      '130 over m1',
    ]);
  });

  it('is reminded of though nobody looks', () => {
    expect(
      told([
        [0, sees(amiss())],
        [60, nothingSeen],
        [61, nothingSeen],
      ]),
    ).toEqual(['0 open m1', '60 again m1']);
  });

  it('stands while a look cannot tell', () => {
    const blind: Look = { seen: [], ended: () => undefined };
    expect(
      told([
        [0, sees(amiss())],
        [1, blind],
        [2, sees(amiss())],
        [3, sees()],
      ]),
    ).toEqual(['0 open m1', '3 over m1']);
  });

  it('that has its patience is told only when it lasts so long', () => {
    const patient = sees(amiss({ patienceMs: 5 * minuteMs }));
    expect(
      told([
        [0, patient],
        [4, patient],
        [5, patient],
        [6, sees()],
      ]),
    ).toEqual(['5 open m1', '6 over m1']);
    expect(
      told([
        [0, patient],
        [4, sees()],
        [6, patient],
        [10, patient],
      ]),
    ).toEqual([]);
  });

  it('that came back within the hour is told again, and is then over only when it stays away', () => {
    const looks: (readonly [number, Look])[] = [
      [0, sees(amiss())],
      [1, sees()],
      [5, sees(amiss())],
      [6, sees()],
      [8, sees(amiss())],
      [9, sees()],
      [23, sees()],
    ];
    expect(told(looks)).toEqual(['0 open m1', '1 over m1', '5 open m1']);
    expect(told([...looks, [24, nothingSeen]])).toEqual(['0 open m1', '1 over m1', '5 open m1', '24 over m1']);
    expect(calmMs).toBe(15 * minuteMs);
  });

  it('of a revision that fails is another one when another revision does', () => {
    const failing = (revision: string) =>
      sees(amiss({ key: 'deploy.failed:web@m1', kind: 'deploy.failed', subject: 'web@m1', revision }));
    expect(
      told([
        [0, failing('a')],
        [1, failing('a')],
        [2, failing('b')],
        [3, failing('b')],
        [4, sees()],
      ]),
    ).toEqual(['0 open web@m1', '2 open web@m1', '4 over web@m1']);
  });

  it('keeps the words of its beginning where later looks know less', () => {
    const first = step(noIncidents, sees(amiss({ why: 'answered 500', commit: 'c1' })), start);
    const later = step(
      first.incidents,
      sees(amiss({ why: 'it is held', afterwards: true, commit: 'c2' })),
      start + repeatMs,
    );
    expect(later.tellings).toMatchObject([{ state: 'again', why: 'answered 500', commit: 'c1' }]);
  });

  it('is not silenced by a clock that was set back', () => {
    const first = step(noIncidents, sees(amiss()), start + 10 * repeatMs);
    const back = step(first.incidents, sees(amiss()), start);
    expect(step(back.incidents, sees(amiss()), start + repeatMs).tellings).toMatchObject([{ state: 'again' }]);
  });
});

describe('whatever happens', () => {
  const keys = ['a', 'b', 'c'];
  const looks = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 5 * minuteMs }), fc.integer({ min: 0, max: 3 * repeatMs })),
      seen: fc.subarray(keys),
      blind: fc.subarray(keys),
      patient: fc.boolean(),
      restarted: fc.boolean(),
    }),
    { maxLength: 120 },
  );

  interface Told extends Telling {
    readonly index: number;
  }

  function run(rounds: readonly (typeof looks extends fc.Arbitrary<infer T> ? T : never)[number][]) {
    let incidents = noIncidents;
    let now = start;
    const all: Told[] = [];
    for (const [index, { afterMs, seen, blind, patient, restarted }] of rounds.entries()) {
      now += afterMs;
      const found = seen.map(key => amiss({ key, subject: key, ...(patient && { patienceMs: 3 * minuteMs }) }));
      const look: Look = { seen: found, ended: ({ key }) => (blind.includes(key) ? undefined : 'gone') };
      const before = restarted ? (JSON.parse(JSON.stringify(incidents)) as Incidents) : incidents;
      const after = step(before, look, now);
      incidents = after.incidents;
      all.push(...after.tellings.map(one => ({ ...one, index })));
    }
    return { all, incidents, now };
  }

  /** Each from what opened it to what ended it. */
  function stories(all: readonly Told[], key: string): readonly (readonly Told[])[] {
    const found: Told[][] = [];
    for (const one of all.filter(telling => telling.key === key)) {
      if (one.state === 'open') found.push([one]);
      else found.at(-1)?.push(one);
    }
    return found;
  }

  it('an incident is never told twice within the hour, and what is told to be over was told before, and once', () => {
    fc.assert(
      fc.property(looks, rounds => {
        const { all, incidents } = run(rounds);
        for (const key of keys) {
          const told = stories(all, key);
          expect(told.flat().length).toBe(all.filter(one => one.key === key).length);
          for (const [index, story] of told.entries()) {
            const going = story.filter(one => one.state !== 'over');
            for (const [at, one] of going.slice(1).entries())
              expect(one.at - (going[at]?.at ?? 0)).toBeGreaterThanOrEqual(repeatMs);
            const over = story.filter(one => one.state === 'over');
            const open = index === told.length - 1 && incidents.open[key]?.toldAt !== undefined;
            expect(over.length).toBe(open ? 0 : 1);
            expect(story.at(-1)?.state === 'over').toBe(!open);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('nothing comes and goes more than five times an hour', () => {
    fc.assert(
      fc.property(looks, rounds => {
        const { all } = run(rounds);
        for (const key of keys) {
          const opened = all.filter(one => one.key === key && one.state === 'open').map(one => one.at);
          for (const at of opened)
            expect(opened.filter(other => other >= at && other < at + repeatMs).length).toBeLessThanOrEqual(5);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('what is over by itself is told in the end: each opening has its recovery', () => {
    fc.assert(
      fc.property(looks, rounds => {
        const { all, incidents, now } = run(rounds);
        const quiet = step(incidents, sees(), now + 1);
        const calm = step(quiet.incidents, nothingSeen, now + 1 + calmMs);
        const states = [...all, ...quiet.tellings, ...calm.tellings].map(one => one.state);
        expect(calm.incidents.open).toEqual({});
        expect(states.filter(one => one === 'over').length).toBe(states.filter(one => one === 'open').length);
      }),
      { numRuns: 100 },
    );
  });

  it('the next time to look is when there is something to tell', () => {
    fc.assert(
      fc.property(looks, rounds => {
        const { incidents, now } = run(rounds);
        const at = nextStepAt(incidents);
        if (at === Number.POSITIVE_INFINITY) return;
        const early = at - 1 > now ? step(incidents, nothingSeen, at - 1).tellings : [];
        expect(early).toEqual([]);
        expect(step(incidents, nothingSeen, Math.max(at, now)).tellings.length).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });
});
