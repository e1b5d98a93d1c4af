// Suspends by command: read as they were written and never guessed at, in force for their time, and left alone by every plan.
import { describe, expect, it, test } from 'vitest';
import type { Suspend } from '../../schema/state.js';
import { handsOff, parseSuspends, suspendHead, suspendOf } from '../../reconciler/core/suspends.js';
import { desire, newFleet, planned, seenAs, settle } from './thinking.js';

const text = (name: string, ...more: string[]) => [...suspendHead(name, 'moving "it"', 'ada'), ...more];

describe('a suspend', () => {
  it.each([
    ['of a service', text('web', 'at 5', 'end'), [{ service: 'web', reason: 'moving "it"', by: 'ada', at: 5 }]],
    [
      'of a machine, with an end',
      text('_machine', 'at 5', 'until 9', 'end'),
      [{ reason: 'moving "it"', by: 'ada', at: 5, until: 9 }],
    ],
    [
      'with rows of a newer version',
      text('web', 'mood bad', 'x', 'at 5', 'end'),
      [{ service: 'web', reason: 'moving "it"', by: 'ada', at: 5 }],
    ],
    ['cut short', text('web', 'at 5'), []],
    ['without a time', text('web', 'end'), []],
    ['with an end that is none', text('web', 'at 5', 'until noon', 'end'), []],
    ['of nothing', ['portoser-suspend 1', 'reason "a"', 'by "b"', 'at 5', 'end'], []],
    [
      'with a reason that is not as we write it',
      ['portoser-suspend 1', 'service web', 'reason a', 'by "b"', 'at 5', 'end'],
      [],
    ],
    ['of another version', ['portoser-suspend 2', ...text('web', 'at 5', 'end').slice(1)], []],
  ])('%s', (_, lines, expected) => {
    expect(parseSuspends(lines)).toEqual(expected);
  });

  it('stands among others, one after the other', () => {
    const all = [...text('web', 'at 5', 'end'), 'noise', ...text('db', 'at 6'), ...text('api', 'at 7', 'end')];
    expect(parseSuspends(all).map(one => one.service)).toEqual(['web', 'api']);
  });
});

const desired = desire({ services: { web: {}, db: { machine: 'm2' } } });
const suspend = (more: Partial<Suspend> = {}): Suspend => ({ reason: 'moving', by: 'ada', at: 1, ...more });

/** The fleet's clocks stand at 1 000 000 s; ours at noon. */
function suspended(suspends: readonly Suspend[], services: object = { web: {}, db: { machine: 'm2' } }) {
  const fleet = newFleet();
  settle(fleet, desired);
  const wanted = desire({ services: services as Readonly<Record<string, object>> });
  const live = { ...seenAs(fleet.look(wanted), 'm1', { suspends }), takenAt: Date.parse('2026-11-28T12:00:00Z') };
  return planned(fleet, wanted, { live });
}

describe('a plan', () => {
  const changed = { web: { env: { A: '1' } }, db: { machine: 'm2' } };
  const change = '1 update web@m1 changed: env.A changed in git [env.A - → 1]';

  it.each([
    ['a service', [suspend({ service: 'web' })], ['suspended web@m1: suspended: moving (by ada)']],
    [
      'until its time, by our clock',
      [suspend({ service: 'web', until: 1_003_600 })],
      ['suspended web@m1: suspended: moving (by ada, until 2026-11-28 13:00 UTC)'],
    ],
    ['not when its time is over', [suspend({ service: 'web', until: 1_000_000 })], [change]],
    ['not another service', [suspend({ service: 'db' })], [change]],
    [
      'a machine',
      [suspend(), suspend({ service: 'web' })],
      ['suspended web@m1: suspended: moving (by ada)', 'machine m1 suspended: suspended: moving (by ada)'],
    ],
  ] as const)('leaves alone %s', (_, suspends, expected) => {
    expect(suspended(suspends, changed)).toEqual(expected);
  });

  it('leaves alone what left the registry too', () => {
    const rest = { db: { machine: 'm2' } };
    expect(suspended([suspend({ service: 'web' })], rest)).toEqual(['suspended web@m1: suspended: moving (by ada)']);
    expect(suspended([], rest)).toEqual(['1 stop web@m1 orphaned: it is no longer in the registry']);
  });
});

test('the whole machine goes first, and the end is told by our clock', () => {
  const fleet = newFleet();
  const live = seenAs(fleet.look(desired), 'm1', {
    suspends: [suspend({ service: 'web', reason: 'a' }), suspend({ until: 1_000_060 })],
  });
  const view = live.machines['m1'];
  if (view?.state !== 'reachable') throw new Error('m1 is not seen');
  const found = suspendOf(view, 'web');
  expect(found?.reason).toBe('moving');
  expect(handsOff(found as Suspend, view, { ...live, takenAt: 0 }).until).toBe(60_000);
});
