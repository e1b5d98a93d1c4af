// The gate's judgement: answers of its checks over time → passed or not yet; the runner giving up; the end of the time.
import { expect, test } from 'vitest';
import type { Answer } from '../../reconciler/checks/check.js';
import {
  beginGate,
  gateAnswer,
  gateAtDeadline,
  gatePassed,
  gaveUp,
  nextStayUpAt,
} from '../../reconciler/core/verify.js';

const pass: Answer = { state: 'pass', found: 'HTTP 200' };
const fail: Answer = { state: 'fail', found: 'HTTP 502' };
const unknown: Answer = { state: 'unknown', found: 'm1 cannot be reached' };
const unready = (life: string): Answer => ({ state: 'fail', found: 'starting', life });
const alive = (life: string): Answer => ({ state: 'pass', found: 'running', life });

/** Answers as [seconds, check, answer]; how many passed in the end, and whether the gate is open. */
function play(checks: number, answers: readonly (readonly [number, number, Answer])[]) {
  const progress = answers.reduce(
    (so, [at, check, answer]) => gateAnswer(so, check, answer, at * 1000),
    beginGate(checks),
  );
  return {
    progress,
    passed: progress.map(check => (check.passed ? '+' : '-')).join(''),
    open: gatePassed(progress) !== undefined,
  };
}

test.each<[string, number, readonly (readonly [number, number, Answer])[], string]>([
  ['nothing asked', 2, [], '--'],
  ['one first pass', 1, [[0, 0, pass]], '+'],
  [
    'a failure, then a pass',
    1,
    [
      [0, 0, fail],
      [1, 0, pass],
    ],
    '+',
  ],
  [
    'all must pass',
    2,
    [
      [0, 0, pass],
      [0, 1, fail],
    ],
    '+-',
  ],
  ['a life just begun', 1, [[0, 0, alive('a')]], '-'],
  [
    'a life of less than 5 s',
    1,
    [
      [0, 0, alive('a')],
      [4.9, 0, alive('a')],
    ],
    '-',
  ],
  [
    'a life of 5 s',
    1,
    [
      [0, 0, alive('a')],
      [5, 0, alive('a')],
    ],
    '+',
  ],
  [
    'two lives of less',
    1,
    [
      [0, 0, alive('a')],
      [4, 0, alive('b')],
      [8, 0, alive('b')],
    ],
    '-',
  ],
  [
    'a failure in between',
    1,
    [
      [0, 0, alive('a')],
      [3, 0, fail],
      [6, 0, alive('a')],
    ],
    '-',
  ],
  [
    'could not look in between',
    1,
    [
      [0, 0, alive('a')],
      [3, 0, unknown],
      [5, 0, alive('a')],
    ],
    '+',
  ],
  [
    'another life takes back what others passed',
    2,
    [
      [0, 0, alive('a')],
      [1, 1, pass],
      [2, 0, alive('b')],
    ],
    '--',
  ],
  [
    'so does the end of a life',
    2,
    [
      [0, 0, alive('a')],
      [1, 1, pass],
      [2, 0, fail],
    ],
    '--',
  ],
  [
    'the first life takes nothing back',
    2,
    [
      [0, 1, pass],
      [1, 0, alive('a')],
    ],
    '-+',
  ],
  ['up before it was asked', 1, [[0, 0, { ...alive('a'), upForMs: 7000 }]], '+'],
  [
    'up before, and not for long enough',
    1,
    [
      [0, 0, { ...alive('a'), upForMs: 3000 }],
      [1, 0, alive('a')],
    ],
    '-',
  ],
  [
    'the rest of the time is enough',
    1,
    [
      [0, 0, { ...alive('a'), upForMs: 3000 }],
      [2, 0, alive('a')],
    ],
    '+',
  ],
  [
    'not ready is up too',
    1,
    [
      [0, 0, unready('a')],
      [5, 0, alive('a')],
    ],
    '+',
  ],
  [
    'not ready is no pass',
    1,
    [
      [0, 0, unready('a')],
      [9, 0, unready('a')],
    ],
    '-',
  ],
  [
    'not ready takes nothing back',
    2,
    [
      [0, 0, unready('a')],
      [1, 1, pass],
      [2, 0, unready('a')],
    ],
    '-+',
  ],
  ['own health is believed at once', 1, [[0, 0, { state: 'pass', found: 'healthy' }]], '+'],
])('%s', (_, checks, answers, expected) => {
  const { passed, open } = play(checks, answers);
  expect(passed).toBe(expected);
  expect(open).toBe(!expected.includes('-'));
});

test('the next look that can decide is known', () => {
  expect(nextStayUpAt(beginGate(2))).toBeUndefined();
  expect(
    nextStayUpAt(
      play(2, [
        [1, 0, alive('a')],
        [2, 1, alive('b')],
      ]).progress,
    ),
  ).toBe(6000);
  expect(
    nextStayUpAt(
      play(1, [
        [1, 0, alive('a')],
        [6, 0, alive('a')],
      ]).progress,
    ),
  ).toBeUndefined();
});

test('at the deadline: failed by what was found, unknown where nobody could look', () => {
  expect(
    gateAtDeadline(
      play(2, [
        [0, 0, fail],
        [0, 1, unknown],
      ]).progress,
      60_000,
    ),
  ).toEqual({
    result: 'failed',
    found: 'HTTP 502',
    why: 'not healthy within 60 s',
  });
  expect(
    gateAtDeadline(
      play(2, [
        [0, 0, pass],
        [0, 1, unknown],
      ]).progress,
      60_000,
    ),
  ).toEqual({
    result: 'unknown',
    why: 'm1 cannot be reached',
  });
  expect(gateAtDeadline(play(1, [[0, 0, alive('a')]]).progress, 10_000)).toMatchObject({
    result: 'failed',
    found: 'running, but not for 5 s in one life',
  });
  expect(gateAtDeadline(play(1, [[0, 0, pass]]).progress, 10_000)).toEqual({ result: 'passed' });
});

test.each([
  ['failed', 1, true],
  ['crash-looping', 1, false],
  ['crash-looping', 2, true],
  ['absent', 1, true],
  ['stopped', 1, false],
  ['stopped', 2, true],
  ['running', 9, false],
  ['starting', 9, false],
] as const)('a runner that is %s, seen %i times: given up %s', (run, looks, expected) => {
  expect(gaveUp(run, looks)).toBe(expected);
});
