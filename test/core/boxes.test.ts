// What waits for each destination: folding, quiet hours with their digest, what is urgent, and bounds.
import { describe, expect, it } from 'vitest';
import { type Boxes, deal, delivered, dropped, postponed } from '../../reconciler/core/boxes.js';
import { isQuiet, parseQuietHours, quietForMs } from '../../reconciler/core/quiet-hours.js';
import type { Destination, Message, Telling } from '../../schema/notify.js';

const at = (text: string): number => Date.parse(text);
const noon = at('2026-11-28T12:00:00Z');
const night = at('2026-11-28T23:30:00Z');
const morning = at('2026-11-29T07:00:00Z');

const telling = (more: Partial<Telling> = {}): Telling => ({
  state: 'open',
  kind: 'machine.down',
  key: 'machine.down:m1',
  subject: 'm1',
  what: 'cannot be looked at',
  why: 'no route',
  sinceAt: noon,
  at: noon,
  ...more,
});

const to = (more: Partial<Destination> = {}): Destination => ({
  name: 'slack',
  type: 'slack',
  on: ['machine.down', 'deploy.failed', 'deploy.done'],
  urgent: [],
  ...more,
});

let ids = 0;
const dealt = (boxes: Boxes, destination: Destination, tellings: readonly Telling[], now = noon): Boxes =>
  deal(boxes, [destination], tellings, { cluster: 'home', now, newId: () => `id${(ids += 1)}` });

const messages = (boxes: Boxes, name = 'slack'): readonly Message[] =>
  (boxes[name]?.queue ?? []).map(one => one.message);
const shown = (boxes: Boxes): readonly string[] =>
  messages(boxes).map(
    one => `${one.state} ${one.kind ?? ''} ${one.items.map(item => `${item.subject}:${item.state}`).join(' ')}`,
  );

const quiet = to({ quiet: { from: 22 * 60, to: 7 * 60, zone: 'UTC' } });

describe('what comes together', () => {
  it('is one message for each kind and state, and only of what was asked for', () => {
    const many = [
      telling(),
      telling({ key: 'machine.down:m2', subject: 'm2' }),
      telling({ kind: 'deploy.done', state: 'notice', key: 'done:web@m3', subject: 'web@m3' }),
      telling({ kind: 'drift', key: 'drift:web@m3', subject: 'web@m3' }),
    ];
    expect(shown(dealt({}, to(), many))).toEqual([
      'open machine.down m1:open m2:open',
      'notice deploy.done web@m3:notice',
    ]);
    expect(dealt({}, to({ on: ['git.held'] }), many)).toEqual({});
  });

  it('goes away with its destination', () => {
    const boxes = dealt({}, to(), [telling()]);
    expect(deal(boxes, [], [], { cluster: 'home', now: noon, newId: () => 'x' })).toEqual({});
  });
});

describe('a destination that is slow', () => {
  const again = telling({ state: 'again' });

  it('is not reminded of what it has not got yet', () => {
    const boxes = dealt({}, to(), [telling()]);
    expect(shown(dealt(boxes, to(), [again], noon + 3_600_000))).toEqual(['open machine.down m1:open']);
  });

  it('is reminded an hour after it got it', () => {
    const boxes = dealt({}, to(), [telling()]);
    const [message] = messages(boxes);
    if (message === undefined) throw new Error('no message');
    const late = delivered(boxes, 'slack', message, noon + 1_800_000);
    expect(shown(dealt(late, to(), [again], noon + 3_600_000))).toEqual([]);
    expect(shown(dealt(late, to(), [again], noon + 7_200_000))).toEqual(['again machine.down m1:again']);
    const prompt = delivered(boxes, 'slack', message, noon + 900);
    expect(shown(dealt(prompt, to(), [again], noon + 3_600_000))).toEqual(['again machine.down m1:again']);
  });

  it('keeps its messages in order, with their tries, until they are done with', () => {
    const boxes = dealt(dealt({}, to(), [telling()]), to(), [telling({ state: 'over' })]);
    const [first, second] = messages(boxes);
    if (first === undefined || second === undefined) throw new Error('no messages');
    const later = postponed(boxes, 'slack', first, noon + 5000);
    expect(later['slack']?.queue.map(one => [one.message.state, one.tries, one.dueAt])).toEqual([
      ['open', 1, noon + 5000],
      ['over', 0, noon],
    ]);
    expect(dropped(dropped(later, 'slack', first), 'slack', second)).toEqual({});
  });

  it('loses single runs first when too much waits', () => {
    const run = telling({ kind: 'deploy.done', state: 'notice', key: 'done:web@m1' });
    let boxes = dealt({}, to(), [telling()]);
    for (let count = 0; count < 250; count += 1) boxes = dealt(boxes, to(), [run]);
    expect(messages(boxes).length).toBe(100);
    expect(messages(boxes)[0]?.state).toBe('open');
  });
});

describe('quiet hours', () => {
  it('hold back until they end, and are then one message: what still is, what came and went, what happened', () => {
    let boxes = dealt({}, quiet, [telling(), telling({ key: 'machine.down:m2', subject: 'm2' })], night);
    boxes = dealt(
      boxes,
      quiet,
      [telling({ state: 'again' }), telling({ key: 'machine.down:m2', subject: 'm2', state: 'over' })],
      night + 3_600_000,
    );
    boxes = dealt(
      boxes,
      quiet,
      [telling({ kind: 'deploy.done', state: 'notice', key: 'done:a@m3', subject: 'a@m3' })],
      night + 3_600_000,
    );
    expect(messages(boxes)).toEqual([]);
    boxes = dealt(boxes, quiet, [], morning);
    expect(shown(boxes)).toEqual(['digest  m1:again m2:over a@m3:notice']);
    expect(boxes['slack']?.held).toEqual([]);
  });

  it('count as told: the next reminder comes an hour after them', () => {
    let boxes = dealt(dealt({}, quiet, [telling()], night), quiet, [], morning);
    const [message] = messages(boxes);
    if (message === undefined) throw new Error('no message');
    boxes = delivered(boxes, 'slack', message, morning);
    expect(shown(dealt(boxes, quiet, [telling({ state: 'again' })], morning + 1_800_000))).toEqual([]);
    expect(shown(dealt(boxes, quiet, [telling({ state: 'again' })], morning + 5_400_000))).toEqual([
      'again machine.down m1:again',
    ]);
  });

  it('let through what is urgent: by the destination, and what concerns a critical service', () => {
    const asked = { ...quiet, urgent: ['machine.down'] as const };
    expect(messages(dealt({}, asked, [telling()], night))).toMatchObject([{ state: 'open', urgent: true }]);
    const critical = telling({ kind: 'deploy.failed', key: 'deploy.failed:db@m1', subject: 'db@m1', urgent: true });
    const boxes = dealt({}, quiet, [critical, telling()], night);
    expect(shown(boxes)).toEqual(['open deploy.failed db@m1:open']);
    expect(boxes['slack']?.held.map(one => one.subject)).toEqual(['m1']);
  });

  it.each([
    ['22:00-07:00', 'UTC', '2026-11-28T22:00:00Z', true],
    ['22:00-07:00', 'UTC', '2026-11-28T06:59:59Z', true],
    ['22:00-07:00', 'UTC', '2026-11-28T07:00:00Z', false],
    ['22:00-07:00', 'UTC', '2026-11-28T21:59:59Z', false],
    ['22:00-07:00', 'Europe/Berlin', '2026-11-28T21:00:00Z', true],
    ['22:00-07:00', 'Europe/Berlin', '2026-07-28T20:00:00Z', true],
    ['22:00-07:00', 'Europe/Berlin', '2026-07-28T05:00:00Z', false],
    ['9:00 - 17:30', 'Asia/Kolkata', '2026-11-28T12:00:00Z', false],
    ['9:00 - 17:30', 'Asia/Kolkata', '2026-11-28T11:59:00Z', true],
  ])('%s %s at %s: %s', (written, zone, when, expected) => {
    expect(isQuiet(parseQuietHours(written, zone), at(when))).toBe(expected);
  });

  it('end when their clocks say so, also in the nights when these are changed', () => {
    const hours = parseQuietHours('22:00-02:30', 'Europe/Berlin');
    if (hours === undefined) throw new Error('no hours');
    for (const [from, end] of [
      // 02:30 is skipped: they end with the change. Then it comes twice: they begin anew, and end with the second.
      ['2026-03-28T22:00:00Z', '2026-03-29T01:00:00Z'],
      ['2026-10-24T21:00:00Z', '2026-10-25T00:30:00Z'],
      ['2026-10-25T01:00:00Z', '2026-10-25T01:30:00Z'],
      ['2026-11-28T22:00:00Z', '2026-11-29T01:30:00Z'],
    ] as const) {
      let now = at(from);
      for (let rounds = 0; isQuiet(hours, now) && rounds < 100; rounds += 1) now += quietForMs(hours, now);
      expect(new Date(now).toISOString()).toBe(new Date(at(end)).toISOString());
    }
  });

  it('that begin when they end are none', () => {
    expect(parseQuietHours('07:00-7:00', 'UTC')).toBeUndefined();
  });
});
