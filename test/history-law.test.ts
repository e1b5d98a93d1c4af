// The law of history finds what breaks it, and nothing else.
import { expect, it } from 'vitest';
import type { Deployment } from '../schema/history.js';
import { runRecord } from './contracts/store.js';
import { brokenHistory } from './history-law.js';

const applied = { result: 'applied', durationMs: 1 } as const;
const cut = {
  result: 'failed',
  error: { code: 'interrupted', message: 'killed', hint: '', retry: 'never' },
} as const;
const of = (run: string, at: number, end: Parameters<typeof runRecord>[2][string], more: Partial<Deployment> = {}) =>
  runRecord(run, at, { 'web@m1': end }).deployments.map(one => ({ ...one, ...more }));

const wish = { 'web@m1': { applied: 1 } };
const held = { result: 'failed', error: { ...cut.error, code: 'gate-failed' } } as const;

const [whole] = of('a', 1, applied);
if (whole === undefined) throw new Error('there is no deployment');
const { commit: _, ...nameless } = whole;

it.each([
  ['what is missing', of('a', 1, cut), '0 times applied, not 1'],
  ['what is there too often', [...of('a', 1, applied), ...of('b', 2, applied)], '2 times applied, not 1'],
  ['what failed by itself', [...of('a', 1, held), ...of('b', 2, applied)], '1 times failed, not 0'],
  [
    'more interruptions than kills',
    [...of('a', 1, cut), ...of('b', 2, cut), ...of('c', 3, applied)],
    '2 times interrupted by 1 kills',
  ],
  [
    'what is open',
    [...of('a', 1, { result: 'in-progress', why: '' }), ...of('b', 2, applied)],
    'open in history: web@m1',
  ],
  [
    'what one run tells twice',
    [...of('a', 1, applied), ...of('a', 1, { result: 'skipped', why: '' })],
    'twice in history: a web@m1',
  ],
  ['what says no commit', [nameless], 'half told'],
  ['a change without fields', of('a', 1, applied, { fields: [] }), 'half told'],
  [
    'what nobody wanted',
    [...of('a', 1, applied), ...of('a', 1, applied, { key: 'db@m1' })],
    'history of db@m1: not wanted',
  ],
])('%s', (__, all, found) => {
  const troubles = brokenHistory(all, wish).join('\n');
  expect(troubles).toContain(found);
});

it('nothing, where an interrupted change was made by the next run', () => {
  expect(brokenHistory([...of('a', 1, cut), ...of('b', 2, applied)], wish)).toEqual([]);
});

it('a revision that was changed to twice, but not one that was gone back to', () => {
  const print = { fingerprint: 'same' };
  const twice = { 'web@m1': { applied: 2, held: 1 } };
  const [first, back] = [of('a', 1, applied, print), of('c', 3, applied, print)];
  expect(brokenHistory([...first, ...of('b', 2, held), ...back], twice)).toEqual([]);
  expect(brokenHistory([...first, ...back], { 'web@m1': { applied: [1, 2] } }).join()).toContain('changed twice');
});
