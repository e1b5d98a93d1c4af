// What a killed process had begun is closed by what the world shows: done, to be done again, or gone; or it cannot be told yet.
import { describe, expect, it } from 'vitest';
import { diff } from '../../reconciler/core/diff.js';
import { doingOf, endingOf } from '../../reconciler/core/left.js';
import { parse } from '../../reconciler/core/parse.js';
import { makePlan } from '../../reconciler/core/plan.js';
import { resolve } from '../../reconciler/core/resolve.js';
import { heldStamp, prunedStamp } from '../../reconciler/core/stamps.js';
import { drivers } from '../../reconciler/drivers/index.js';
import type { LeftIntent } from '../../schema/journal.js';
import type { DesiredState, LiveState, LockSeen, MachineSeen, Stamp } from '../../schema/state.js';
import { FakeFleet } from '../fakes/fleet.js';

function desire(...names: readonly string[]): DesiredState {
  const machines = { m1: { host: '10.0.0.1', user: 'root', platform: 'linux' } };
  const service = (name: string) => ({ machine: 'm1', path: `/opt/${name}`, type: 'native', command: 'sleep 1' });
  const services = Object.fromEntries(names.map(name => [name, service(name)]));
  const text = JSON.stringify({ cluster: 'any', machines, services });
  const { registry } = parse({ main: 'registry.yml', files: new Map([['registry.yml', text]]) });
  if (registry === undefined) throw new Error('the registry of the test is not valid');
  return resolve(registry, { commit: 'c', rootCommit: 'root', gathered: new Map() }, drivers);
}

const both = desire('db', 'web');
const fleet = new FakeFleet(drivers);
const ask = { drivers, busy: new Set<string>(), again: new Set<string>(), leaving: [] };
fleet.apply(makePlan(diff(both, fleet.look(both), ask), both), both);
const live = fleet.look(both);
const seen = live.machines['m1'] as MachineSeen;
const stampOf = (service: string): Stamp => {
  const found = seen.stamps.find(one => one.service === service);
  if (found === undefined) throw new Error(`no stamp of ${service}`);
  return found;
};

const withSeen = (more: Partial<MachineSeen>): LiveState => ({ ...live, machines: { m1: { ...seen, ...more } } });
/** `web` stands with this stamp, or with none. */
const withWeb = (stamp?: Stamp): LiveState =>
  withSeen({ stamps: stamp === undefined ? [stampOf('db')] : [stampOf('db'), stamp] });
function unfinished({ fingerprint, ...claim }: Stamp): Stamp {
  expect(fingerprint).toBeDefined();
  return claim;
}

const left = (more: Partial<LeftIntent> = {}): LeftIntent => ({
  id: 'b1',
  to: 'machine',
  where: 'm1',
  what: 'batch',
  keys: ['web@m1', 'db@m1'],
  at: 1,
  process: '1:a',
  ...more,
});
const end = (one: LeftIntent, desired: DesiredState, now: LiveState, noted = false) =>
  endingOf(one, desired, now, noted)?.end;

describe('a change on a machine', () => {
  const web = stampOf('web');
  it.each([
    ['stands there as wanted', both, live, 'done'],
    ['was never begun', both, withWeb(), 'again'],
    ['is claimed and not finished', both, withWeb(unfinished(web)), 'again'],
    ['left what stood there before', both, withWeb({ ...web, fingerprint: 'older' }), 'again'],
    ['came to its end and was not healthy', both, withWeb(heldStamp(web, undefined)), 'done'],
    ['did not begin to stop what left the registry', desire('db'), live, 'again'],
    ['stopped what left the registry', desire('db'), withWeb(prunedStamp(web, 1)), 'done'],
    ['removed what left the registry', desire('db'), withWeb(), 'done'],
    ['did not bring back what had been stopped', both, withWeb(prunedStamp(web, 1)), 'again'],
  ] as const)('that %s', (_, desired, now, expected) => {
    expect(end(left(), desired, now)).toBe(expected);
    expect(end(left({ what: 'stamps' }), desired, now)).toBe(expected);
  });

  it('names what is not finished, and nothing else', () => {
    expect(endingOf(left(), both, withWeb(), false)?.text).toBe('web@m1 is not finished, and stands in the plan');
  });

  it('cannot be told while the machine does not answer, or its steps run', () => {
    const error = { code: 'ssh-unreachable', message: '', hint: '', retry: 'backoff' } as const;
    expect(end(left(), both, { ...live, machines: { m1: { state: 'unknown', error } } })).toBeUndefined();
    expect(end(left(), both, withSeen({ openSteps: ['b1'] }))).toBeUndefined();
    expect(end(left(), both, withSeen({ openSteps: ['b2'] }))).toBe('done');
  });

  it('is gone with its machine', () => {
    expect(end(left({ where: 'm9' }), both, live)).toBe('gone');
  });
});

const lock = (process: string): LockSeen => ({ controller: 'c', process, ageSeconds: 1, fence: 3 });

describe('what a person asked for', () => {
  it.each([
    ['a claim that stands', { what: 'claim', keys: [] }, live, false, 'done'],
    ['a claim that does not', { what: 'claim', keys: [] }, withSeen({ identity: 'other' }), false, 'gone'],
    ['a lock that is away', { what: 'lock.break', keys: ['9:z'] }, live, false, 'done'],
    [
      'a lock that another has by now',
      { what: 'lock.break', keys: ['9:z'] },
      withSeen({ lock: lock('8:y') }),
      false,
      'done',
    ],
    ['a lock that stands', { what: 'lock.break', keys: ['9:z'] }, withSeen({ lock: lock('9:z') }), false, 'gone'],
    ['traces that are there', { what: 'forget' }, live, false, 'gone'],
    [
      'traces that are gone',
      { what: 'forget' },
      withSeen({ stateFolder: { path: '/var/lib/x', exists: false } }),
      false,
      'done',
    ],
    ['a program', { what: 'exec', keys: [] }, live, false, 'gone'],
    ['a commit that is there', { to: 'git', what: 'machine.add', keys: [] }, live, true, 'done'],
    ['a commit that is not', { to: 'git', what: 'machine.add', keys: [] }, live, false, 'gone'],
    ['an approval that is noted', { to: 'state', keys: ['p1'] }, live, true, 'done'],
    ['an approval that is not', { to: 'state', keys: ['p1'] }, live, false, 'gone'],
    ['a note that every pass writes', { to: 'state', keys: [] }, live, false, 'again'],
  ] as const)('%s', (_, more, now, noted, expected) => {
    expect(end(left(more), both, now, noted)).toBe(expected);
  });
});

it('tells what was being done', () => {
  const told = [
    left(),
    left({ what: 'stamps', keys: ['web@m1'] }),
    left({ what: 'exec', keys: [] }),
    left({ what: 'claim', keys: [] }),
    left({ what: 'lock.break', keys: ['9:z'] }),
    left({ to: 'git', where: 'ssh://forge/a.git', what: 'machine.add', keys: [] }),
    left({ to: 'state', where: 'approvals', what: 'note', keys: ['p1'] }),
  ].map(doingOf);
  expect(told).toEqual([
    'it changed web@m1, db@m1',
    'it noted on m1 what became of web@m1',
    'a program ran on m1',
    'it claimed m1',
    'it broke the lock of m1',
    'it committed machine.add to ssh://forge/a.git',
    'it noted approvals p1',
  ]);
});

describe('hands taken off or put on', () => {
  const suspend = { reason: 'x', by: 'ada', at: 1 };
  it.each([
    ['suspend', ['web@m1'], [{ ...suspend, service: 'web' }], 'done'],
    ['suspend', ['web@m1', 'db@m1'], [{ ...suspend, service: 'web' }], 'gone'],
    ['suspend', [], [suspend], 'done'],
    ['suspend', [], [{ ...suspend, service: 'web' }], 'gone'],
    ['resume', ['web@m1'], [], 'done'],
    ['resume', ['web@m1'], [{ ...suspend, service: 'web' }], 'gone'],
    ['resume', [], [suspend], 'gone'],
  ])('%s of %j', (what, keys, suspends, expected) => {
    expect(end(left({ what, keys }), both, withSeen({ suspends }))).toBe(expected);
  });

  it('is told by what it was for', () => {
    expect(doingOf(left({ what: 'suspend' }))).toBe('it suspended web@m1, db@m1');
    expect(doingOf(left({ what: 'resume', keys: [] }))).toBe('it resumed m1');
  });
});
