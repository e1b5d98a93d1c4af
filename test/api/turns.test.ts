// The turns of the event loop: few of many that wait are done in each, in their order, and what comes meanwhile is never behind all of them.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { shareTurns } from '../../api/turns.js';

it('does so many in each turn at most, in their order, and none at once', async () => {
  const inTurn = shareTurns(2);
  const done: number[] = [];
  for (let one = 1; one <= 5; one += 1) inTurn(() => done.push(one));
  expect(done).toEqual([]);
  const seen: number[] = [];
  for (let turn = 1; turn <= 3; turn += 1) {
    await nextTurn();
    seen.push(done.length);
  }
  expect(seen).toEqual([2, 4, 5]);
  expect(done).toEqual([1, 2, 3, 4, 5]);
});

it('what comes while others are done waits for the next turn', async () => {
  const inTurn = shareTurns(2);
  const done: string[] = [];
  inTurn(() => {
    done.push('first');
    inTurn(() => done.push('second'));
  });
  await nextTurn();
  expect(done).toEqual(['first']);
  await nextTurn();
  expect(done).toEqual(['first', 'second']);
  inTurn(() => done.push('third'));
  await nextTurn();
  expect(done).toEqual(['first', 'second', 'third']);
});
