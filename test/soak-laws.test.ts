// The soak's laws find what breaks them, and nothing else.
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../schema/history.js';
import { runRecord } from './contracts/store.js';
import type { Seen } from './lab/soak/ground.js';
import { brokenMoves, brokenOn, handled, type Spell, untold, type Wishes } from './lab/soak/laws.js';
import { flatnessOf } from './lab/soak/memory.js';
import type { HostIndex, Wanted, Wants } from './lab/soak/services.js';

const nothing: Seen = { naps: [], containers: [], starts: [], writes: [], overlaps: '', leftovers: [] };
const strangers = { files: {}, lives: {} };
const sight = (seen: Partial<Seen>) => ({ seen: { ...nothing, ...seen }, strangers });
const spellOf = (seen: Partial<Seen>, more: Partial<Spell> = {}): Spell => ({
  host: 1,
  before: sight({}),
  now: sight(seen),
  ...more,
});

const wanted = (version: number, more: Partial<Wanted> = {}): Wanted => ({
  present: true,
  version,
  command: 0,
  host: 1,
  ...more,
});
const ill = wanted(2, { ill: 'at-once', command: 1, instead: { version: 1, command: 0, host: 1 } });
const wants = (n1: Wanted): Wants => new Map([['n1', n1]]);
const wishesOf = (before: Wanted, now: Wanted, more: Partial<Wishes> = {}): Wishes => ({
  before: wants(before),
  wants: new Map(wants(now)),
  touched: new Map(),
  spoiled: new Map(),
  moved: new Map(),
  crashed: new Set(),
  ...more,
});
const quiet = wishesOf(wanted(1), wanted(1));
const spoiled = wishesOf(wanted(1), ill, { spoiled: new Map([['n1', 1]]) });
const held = wishesOf(ill, ill, { touched: new Map([['n1', 1]]) });
/** While one was held an ill one came, and then a well one. */
const overtaken = wishesOf(ill, wanted(4), { spoiled: new Map([['n1', 1]]) });
const runs = { naps: ['1000000 v1'] };
const starts = (...all: readonly string[]) => ({ ...runs, starts: all.map(one => `${one} 1.0`) });
const later = (...all: readonly string[]) => ({ ...starts(...all), naps: ['1000000 v4'] });

describe('one host', () => {
  it.each([
    ['what is as it was', runs, quiet],
    ['an ill revision that was tried once and taken back', starts('n1 v2', 'n1 v1'), spoiled],
    ['what serves in its place, disturbed and repaired', starts('n1 v1', 'n1 v1'), held],
    ['another ill one that was taken back before a well one came', later('n1 v3', 'n1 v1', 'n1 v4'), overtaken],
    ['a fence after the other', { ...runs, writes: ['1.a ab 1:1 start n1 @1', '2.a cd 2:2 stop n1 @2'] }, quiet],
  ])('has nothing against %s', (_, seen, wishes) => {
    expect(brokenOn(spellOf(seen), wishes)).toEqual([]);
  });

  it.each([
    ['a process that is gone', { naps: [] }, quiet, 'processes:  instead of 1000000 v1'],
    ['one that runs twice', { naps: ['1000000 v1', '1000000 v1'] }, quiet, 'processes: 1000000 v1, 1000000 v1'],
    ['an ill one that serves', { naps: ['1000001 v2'] }, spoiled, 'processes: 1000001 v2 instead of 1000000 v1'],
    ['an old version that was started', starts('n1 v1'), quiet, 'n1 v1 was started 1 times, not 0'],
    ['an ill one that was tried twice', starts('n1 v2', 'n1 v2', 'n1 v1'), spoiled, 'n1 v2 was started 2 times, not 1'],
    ['one that was taken back twice', starts('n1 v2', 'n1 v1', 'n1 v1'), spoiled, 'n1 v1 was started 2 times, not 1'],
    ['a held one that was tried beside others', later('n1 v2', 'n1 v4'), overtaken, 'n1 v2 was started 1 times, not 0'],
    ['a second way back', later('n1 v1', 'n1 v1', 'n1 v4'), overtaken, 'n1 v1 was started 2 times, not 1'],
    ['a held one that was tried again', starts('n1 v2'), held, 'n1 v2 was started 1 times, not 0'],
    ['a write without a lock', { ...runs, writes: ['1.a  start n1 @1'] }, quiet, 'written without a lock'],
    ['two writers', { ...runs, writes: ['1.a ab 1:1 start @1', '1.a cd 2:2 stop @2'] }, quiet, 'under one fence'],
    ['an old fence', { ...runs, writes: ['2.a ab 1:1 start @1', '1.a cd 2:2 stop @2'] }, quiet, 'older fence'],
    ['two at once', { ...runs, overlaps: 'overlap start n1' }, quiet, 'two writers at once'],
    ['what is left behind', { ...runs, leftovers: ['lock'] }, quiet, 'left behind: lock'],
  ])('tells %s', (_, seen, wishes, told) => {
    const troubles = brokenOn(spellOf(seen), wishes);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain(told);
  });

  it('knows a container that was gone back to, by its id, and no other', () => {
    const wishes = { ...quiet, wants: new Map([['d1', ill]]) };
    const of = (image: string, version: number) => spellOf({ containers: [`d1-main-1 ${image} v${version}`] });
    expect(brokenOn(of('sha256:d50a', 1), wishes)).toEqual([]);
    expect(brokenOn(of('sha256:d50a', 2), wishes)).toHaveLength(1);
    expect(brokenOn(of('sha256:d50a', 1), { ...quiet, wants: new Map([['d1', wanted(1)]]) })).toHaveLength(1);
  });

  it('tells strangers that were touched, and lets a crash restart them', () => {
    const spell = spellOf(runs, { before: { seen: nothing, strangers: { files: {}, lives: 'one' } } });
    expect(brokenOn(spell, quiet)).toEqual(['h1: strangers were restarted']);
    expect(brokenOn(spell, { ...quiet, crashed: new Set<HostIndex>([1]) })).toEqual([]);
    const edited = spellOf(runs, { before: { seen: nothing, strangers: { files: 'other', lives: {} } } });
    expect(brokenOn(edited, quiet)).toEqual(['h1: files of strangers changed']);
  });
});

describe('a move', () => {
  const moved = wishesOf(wanted(1), wanted(2, { host: 2 }), { moved: new Map([['n1', 1]]) });
  const spells = (stops: readonly string[]): readonly Spell[] => [
    spellOf({ writes: stops }),
    spellOf({ naps: ['1000000 v2'], starts: ['n1 v2 5.10'] }, { host: 2 }),
  ];

  it('starts before it stops', () => {
    expect(brokenMoves(spells(['1.a ab 1:1 disable --now n1.service @5.20']), moved)).toEqual([]);
    expect(brokenMoves(spells(['1.a ab 1:1 disable --now n1.service @5.00']), moved)).toHaveLength(1);
    expect(brokenMoves(spells(['1.a ab 1:1 stop n10 @5.20']), moved)).toHaveLength(1);
  });

  it('is not judged when somebody else stopped it too', () => {
    const touched = { ...moved, touched: new Map([['n1', 1]]) };
    expect(brokenMoves(spells(['1.a ab 1:1 stop n1 @5.00']), touched)).toEqual([]);
  });

  it('leaves nothing where it was', () => {
    expect(brokenOn(spellOf(runs), moved)).toEqual(['h1: processes: 1000000 v1 instead of ']);
  });
});

it('a suspended service stays as it was left', () => {
  const was = { files: 'a', lives: 'inactive' };
  expect(handled('n1', was, was, false)).toEqual([]);
  expect(handled('n1', was, { ...was, lives: 'active' }, true)).toEqual([]);
  expect(handled('n1', was, { ...was, lives: 'active' }, false)).toHaveLength(1);
  expect(handled('n1', was, { ...was, files: 'b' }, true)).toHaveLength(1);
});

describe('history', () => {
  const error = { code: 'gate-failed', message: 'ill', hint: '', retry: 'human' } as const;
  const of = (at: number, fingerprint: string, end: Partial<Deployment>): readonly Deployment[] =>
    runRecord(String(at), at, { 'n1@m1': { result: 'applied', durationMs: 1 } }).deployments.map(one => ({
      ...one,
      fingerprint,
      ...end,
    }));
  const failed = { result: 'failed', error } as const;

  it('tells of every change', () => {
    const changed = wishesOf(wanted(1), wanted(2));
    expect(untold(of(1, 'new', {}), changed)).toEqual([]);
    expect(untold(of(1, 'new', failed), changed)).toHaveLength(1);
    expect(untold([], quiet)).toEqual([]);
  });

  it('tells of a removal, also of one that overtook a move', () => {
    const gone = wishesOf(wanted(1), wanted(3, { host: 2, present: false }));
    const stop = of(1, 'old', {}).map((one): Deployment => ({ ...one, kind: 'stop' }));
    expect(untold(stop, gone)).toEqual([]);
    expect(untold(of(1, 'new', {}), gone)).toHaveLength(1);
    expect(untold([], gone)).toHaveLength(1);
    expect(
      untold(
        stop.map(one => ({ ...one, result: 'failed', error })),
        gone,
      ),
    ).toHaveLength(1);
  });

  it('tells that a revision failed and was taken back', () => {
    expect(untold(of(1, 'ill', { ...failed, undone: { result: 'back', commit: 'c' } }), spoiled)).toEqual([]);
    expect(untold([...of(1, 'ill', failed), ...of(2, 'old', {})], spoiled)).toEqual([]);
    expect(untold(of(1, 'ill', failed), spoiled)).toHaveLength(1);
    expect(untold(of(1, 'ill', {}), spoiled)).toHaveLength(1);
    expect(untold([...of(1, 'ill', failed), ...of(2, 'ill', {})], spoiled)).toHaveLength(1);
  });
});

describe('memory and files', () => {
  const samples = (count: number, of: (index: number) => number, files: (index: number) => number = () => 26) =>
    Array.from({ length: count }, (_, index) => ({ block: 9, pid: 1, rssMB: of(index), files: files(index) }));
  const swinging = (index: number): number => 100 + (index % 5) * 7;

  it('may swing, and grow at the start', () => {
    expect(flatnessOf(samples(64, swinging)).broken).toEqual([]);
    expect(flatnessOf(samples(64, index => (index < 5 ? 99 + index : swinging(index)))).broken).toEqual([]);
    expect(flatnessOf(samples(8, index => 100 + index * 5)).broken).toEqual([]);
  });

  /** Two blocks of an hour's soak (seed 20261129, from rounds 177 and 368, Node 20.20). */
  const measured = [
    [
      105, 106, 108, 113, 115, 117, 119, 120, 122, 123, 124, 127, 128, 129, 131, 129, 130, 134, 136, 138, 118, 125, 125,
      124, 125, 125, 125, 125, 125, 125, 126, 126, 126, 126, 126, 126, 126, 126, 126, 127, 126, 126, 126, 126, 127, 127,
      125, 126, 126, 126, 126, 126, 126, 127, 122, 126, 126, 126, 127, 127, 125, 126, 126, 125, 126,
    ],
    [
      97, 105, 106, 107, 108, 110, 111, 112, 112, 113, 114, 103, 108, 110, 111, 111, 111, 113, 114, 114, 114, 115, 115,
      115, 114, 114, 115, 115, 114, 114, 114, 115, 115, 115, 115, 115, 116, 116, 109, 112, 112, 115, 115, 115, 115, 115,
      111, 111, 113, 115, 111, 115, 115, 112, 113, 116, 117, 117, 117, 117, 118, 117, 118, 119, 119, 119, 119, 119, 119,
      120, 120, 116, 115, 118, 119, 119, 118, 119, 121, 121, 122, 122, 122, 122, 121, 121, 123, 122, 122, 122, 122, 122,
      122, 122, 122, 120, 117, 121, 121, 121, 121, 121, 121, 122, 122, 122, 121, 120, 121, 120, 120, 120, 120, 121, 122,
      123, 125, 123, 123, 123, 120, 124, 124, 125, 125, 125, 125, 124, 124, 124, 124, 124,
    ],
  ];

  it.each(measured.map(block => [block.length, block] as const))(
    'may be as they were measured in %i rounds, and not with 250 kB more in each',
    (count, block) => {
      expect(flatnessOf(samples(count, index => block[index] ?? 0)).broken).toEqual([]);
      expect(flatnessOf(samples(count, index => (block[index] ?? 0) + index / 4)).broken).toHaveLength(1);
    },
  );

  it('may not grow all the time', () => {
    expect(flatnessOf(samples(96, index => swinging(index) + index * 0.25)).broken).toHaveLength(1);
    expect(flatnessOf(samples(64, swinging, index => 26 + Math.floor(index / 8))).broken).toHaveLength(1);
  });

  it('are those of the process that lives longest, in one block', () => {
    const others = samples(20, () => 300).map(one => ({ ...one, pid: 2 }));
    const before = samples(20, () => 10).map(one => ({ ...one, block: 1 }));
    expect(flatnessOf([...before, ...samples(40, swinging), ...others]).broken).toEqual([]);
    expect(flatnessOf(samples(7, index => index * 100)).told).toContain('not judged');
  });
});
