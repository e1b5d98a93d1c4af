// What became of a killed process's change is read from its machine: done, failed, not begun, interrupted; or it cannot be told yet.
import { describe, expect, it } from 'vitest';
import { becameOf } from '../../reconciler/core/became.js';
import { diff } from '../../reconciler/core/diff.js';
import { basisOf } from '../../reconciler/core/ownership.js';
import { parse } from '../../reconciler/core/parse.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { condemnedStamp, heldStamp, movingStamp, prunedStamp } from '../../reconciler/core/stamps.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { IntendedChange } from '../../schema/intended.js';
import type { LiveState, MachineSeen, Sighting, Stamp } from '../../schema/state.js';
import { FakeFleet } from '../fakes/fleet.js';

const text = JSON.stringify({
  cluster: 'any',
  machines: { m1: { host: '10.0.0.1', user: 'root', platform: 'linux' } },
  services: { web: { machine: 'm1', path: '/opt/web', type: 'native', command: 'sleep 1' } },
});
const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
if (registry === undefined) throw new Error('the registry of the test is not valid');
const desired = resolve(registry, { commit: 'c', rootCommit: 'root', gathered: new Map() }, drivers);
const fleet = new FakeFleet(drivers);
const ask = { drivers, busy: new Set<string>(), again: new Set<string>(), leaving: [] };
fleet.apply(makePlan(diff(desired, fleet.look(desired), ask), desired), desired);
const live = fleet.look(desired);
const seen = live.machines['m1'] as MachineSeen;
const web = seen.stamps[0] as Stamp;
const older: Stamp = { ...web, fingerprint: 'a'.repeat(64), commit: 'older' };
const { fingerprint: _, ...claim } = web;
const going = movingStamp(web, { machine: 'm2', of: 'f'.repeat(64) }, 'going');

const withSeen = (more: Partial<MachineSeen>, sightings = live.sightings): LiveState => ({
  ...live,
  sightings,
  machines: { m1: { ...seen, ...more } },
});
const withWeb = (stamp: Stamp | undefined, more: Partial<MachineSeen> = {}) =>
  withSeen({ stamps: stamp === undefined ? [] : [stamp], ...more });

const change = (more: Partial<IntendedChange> = {}): IntendedChange => ({
  key: 'web@m1',
  machine: 'm1',
  service: 'web',
  kind: 'update',
  reason: 'changed',
  because: 'it changed',
  fields: [],
  basis: basisOf(older),
  ...(web.fingerprint === undefined ? {} : { fingerprint: web.fingerprint }),
  commit: 'c',
  ...more,
});
const create = change({ kind: 'create', basis: '' });
const { fingerprint: __, ...stop } = change({ kind: 'stop', basis: basisOf(web) });
const remove = { ...stop, kind: 'remove' } as const;

function became(one: IntendedChange, now: LiveState): string {
  const { end, open } = becameOf(one, now);
  const { result, error, undone } = end;
  return [result, error?.code, undone?.result, open === true ? 'open' : undefined].filter(Boolean).join(' ');
}

describe('a start', () => {
  it.each([
    ['stands there, seen healthy', change(), live, 'applied'],
    ['was never begun', create, withWeb(undefined), 'skipped'],
    ['left what stood there before', change(), withWeb(older), 'skipped'],
    ['is claimed and not finished', create, withWeb(claim), 'failed interrupted'],
    ['is another one by now', create, withWeb(older), 'failed interrupted'],
    ['was stopped since', create, withWeb(prunedStamp(web, 1)), 'failed interrupted'],
    ['was taken away since', change(), withWeb(undefined), 'failed interrupted'],
    ['is held, with nothing to go back to', create, withWeb(heldStamp(web, undefined)), 'failed gate-failed'],
    ['is held, and not gone back from yet', change(), withWeb(heldStamp(web, older)), 'failed gate-failed'],
    [
      'is held, and the one before runs again',
      change(),
      withWeb({ ...older, failed: web.fingerprint ?? '' }),
      'failed gate-failed back',
    ],
    ['stays as it comes up, healthy or not', change({ stays: true }), live, 'failed interrupted'],
    ['is on its way to another machine', create, withWeb(going), 'failed interrupted'],
    ['has steps that still run', create, withWeb(claim, { openSteps: ['s'] }), 'failed interrupted open'],
    ['was sent just now', create, withWeb(undefined, { openSteps: ['s'] }), 'failed interrupted open'],
    ['is done beside the steps of others', change(), withSeen({ openSteps: ['s'] }), 'applied'],
  ])('that %s', (_, one, now, expected) => {
    expect(became(one, now)).toBe(expected);
  });

  it('tells of which images it runs', () => {
    const images = { main: 'sha256:1' };
    expect(becameOf(change(), withWeb({ ...web, images })).end.images).toEqual({ main: { id: 'sha256:1' } });
  });

  it('that was started again as it was, since its move came to nothing', () => {
    const again = { ...stop, kind: 'restart', resumes: true, basis: basisOf(going) } as const;
    expect([became(again, withWeb(going)), became(again, live)]).toEqual(['skipped', 'applied']);
  });
});

describe('a stop', () => {
  const sighting = (state: object): LiveState['sightings'] => ({ 'web@m1': state as Sighting });
  const running = sighting({ state: 'present', run: 'running' });
  const away = sighting({ state: 'absent' });
  it.each([
    ['is noted', stop, withWeb(prunedStamp(web, 1)), 'applied'],
    ['took it away', remove, withWeb(undefined), 'applied'],
    ['only stopped it', remove, withWeb(prunedStamp(web, 1)), 'failed interrupted'],
    ['did not begin', stop, withSeen({}, running), 'skipped'],
    ['stopped it, and was not noted', stop, withSeen({}, away), 'failed interrupted'],
    ['still works', stop, withSeen({ openSteps: ['s'] }, running), 'failed interrupted open'],
    [
      'freed its place for another, which did not come',
      { ...create, kind: 'replace', basis: basisOf(web) },
      withSeen({}, away),
      'failed interrupted',
    ],
  ] as const)('that %s', (_, one, now, expected) => {
    expect(became(one, now)).toBe(expected);
  });
});

describe('a revision that had become ill', () => {
  const ill = { code: 'gate-failed', message: 'HTTP 502', hint: '', retry: 'human' } as const;
  const one = change({ kind: 'restart', basis: basisOf(web), ill });
  it.each([
    ['was not marked', live, 'skipped'],
    ['is marked', withWeb(condemnedStamp(web)), 'failed gate-failed'],
    ['is gone back from', withWeb({ ...older, failed: web.fingerprint ?? '' }), 'failed gate-failed back'],
  ])('and %s', (_, now, expected) => {
    expect(became(one, now)).toBe(expected);
  });
});

describe('a machine', () => {
  it('that does not answer leaves it open, and one that left does not', () => {
    const error = { code: 'ssh-unreachable', message: '', hint: '', retry: 'backoff' } as const;
    expect(became(change(), { ...live, machines: { m1: { state: 'unknown', error } } })).toBe(
      'failed interrupted open',
    );
    expect(became(change(), { ...live, machines: {} })).toBe('failed interrupted');
  });
});
