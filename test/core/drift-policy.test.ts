// What is done about drift, by policy: reverted, told and left, or not counted, and until when.
import { beforeEach, describe, expect, it, test } from 'vitest';
import { driftAt, instantOf, isIgnored } from '../../reconciler/core/drift.js';
import type { FakeFleet } from '../fakes/fleet.js';
import { sha256 } from '../fakes/fleet.js';
import { desire, newFleet, settle, think, written } from './thinking.js';

const page = '/opt/web/page';
const source = { web: { page: 'page' } };
const wanted = (drift: unknown, more: object = {}) =>
  desire({ services: { web: { policy: { drift }, ...more } }, source });

let fleet: FakeFleet;
beforeEach(() => {
  fleet = newFleet();
  settle(fleet, wanted('revert'));
});

const at = (day: string) => Date.parse(`2026-12-${day}T00:00Z`);
const planAt = (day: string, drift: unknown, more?: object) => {
  const desired = wanted(drift, more);
  return written(think(fleet, desired, { live: { ...fleet.look(desired), takenAt: at(day) } }));
};

const edit = () => fleet.machine('m1').files.set(page, { sha256: sha256('edited'), mode: 0o644 });
const runner = () => {
  const found = fleet.machine('m1').runners.get('web');
  if (found === undefined) throw new Error('web does not run');
  return found;
};
const disable = () => (runner().settings['enabled'] = 'disabled');
const reverts = (field: string) => [expect.stringContaining(`repair web@m1 drifted: changed by hand on m1: ${field}`)];
const reports = (field: string, more = '') => [
  `drifted web@m1: changed by hand on m1: ${field}${more}; policy.drift leaves it so`,
];

describe('policy.drift', () => {
  it.each([
    ['revert', 'revert', reverts(`file:${page}, enabled`)],
    ['a map without an action', {}, reverts(`file:${page}, enabled`)],
    ['report', 'report', reports(`file:${page}, enabled`)],
    ['revert but for a field', { ignore: ['enabled'] }, reverts(`file:${page}`)],
    ['report but for a field', { action: 'report', ignore: [`file:${page}`] }, reports('enabled')],
    ['all that there is ignored', { ignore: ['file:/opt/*/page', 'ena*'] }, []],
    ['all ignored and reported', { action: 'report', ignore: ['*'] }, []],
  ])('%s', (_, drift, expected) => {
    edit();
    disable();
    expect(planAt('01', drift)).toEqual(expected);
  });

  it.each([
    ['ignore', { ignore: ['*'], until: '2026-12-02' }, []],
    [
      'report',
      { action: 'report', until: '2026-12-02' },
      [`drifted web@m1: changed by hand on m1: enabled; policy.drift leaves it so until 2026-12-02 00:00 UTC`],
    ],
  ])('%s has an end', (_, drift, before) => {
    disable();
    expect(planAt('01', drift)).toEqual(before);
    expect(planAt('02', drift)).toEqual(reverts('enabled'));
  });

  it('report says what it is like, and leaves also what is not running', () => {
    edit();
    runner().run = 'stopped';
    expect(planAt('01', 'report')).toEqual(reports(`file:${page}`, ', and it is stopped'));
  });

  it('is about what was changed, not about what stands still: that is started again', () => {
    runner().run = 'stopped';
    expect(planAt('01', 'report')).toEqual(['1 repair web@m1 stopped: it is stopped']);
    edit();
    expect(planAt('01', { action: 'report', ignore: ['file:*'] })).toEqual(['1 repair web@m1 stopped: it is stopped']);
  });

  it('gives way to a change of git', () => {
    edit();
    expect(planAt('01', 'report', { env: { A: '1' } })).toEqual([
      '1 update web@m1 changed: env.A changed in git [env.A - → 1]',
    ]);
  });
});

test.each([
  ['enabled', 'enabled', true],
  ['enabled', 'enabled-runtime', false],
  ['file:*', 'file:/a/b', true],
  ['file:*', 'mode:/a/b', false],
  ['*', '', true],
  ['*:/a/*.conf', 'file:/a/x.conf', true],
  ['*:/a/*.conf', 'file:/a/x.conf.bak', false],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['file:/a.b', 'file:/aXb', false],
])('%s as a pattern of %s: %s', (pattern, field, expected) => {
  expect(isIgnored({ action: 'revert', ignore: [pattern] }, field)).toBe(expected);
});

test.each([
  ['2026-12-01', '2026-12-01T00:00:00.000Z'],
  ['2026-12-01T18:00Z', '2026-12-01T18:00:00.000Z'],
  ['2026-12-01 18:00:30+01:00', '2026-12-01T17:00:30.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['2026-02-29', undefined],
  ['2026-13-01', undefined],
  ['2026-12-01T18:00', undefined],
  ['2026-12-01T25:00Z', undefined],
  ['tomorrow', undefined],
  ['', undefined],
])('%s is the instant %s', (written_, expected) => {
  const found = instantOf(written_);
  expect(found === undefined ? undefined : new Date(found).toISOString()).toBe(expected);
});

test('its end is its last instant', () => {
  const answer = { action: 'report', ignore: ['*'], untilAt: 10 } as const;
  expect([driftAt(answer, 9), driftAt(answer, 10)]).toEqual([answer, { action: 'revert', ignore: [] }]);
});
