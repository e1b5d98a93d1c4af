// When something is tried again after it failed: what people write, and what it means.
import { describe, expect, test } from 'vitest';
import { readBackoff, waitAfter } from '../../reconciler/core/backoff.js';

describe('backoff as written', () => {
  test.each([
    [10, [10_000, 10_000]],
    ['10s', [10_000, 10_000]],
    ['5s…5m', [5000, 300_000]],
    ['5s...5m', [5000, 300_000]],
    ['500ms..2', [500, 2000]],
    ['1.5s-1m', [1500, 60_000]],
    ['5m…5s', undefined],
    ['1.2.3s', undefined],
    ['0', [0, 0]],
  ])('%s', (written, expected) => {
    const found = readBackoff(written);
    expect(found === undefined ? undefined : [found.firstMs, found.mostMs]).toEqual(expected);
  });
});

test.each([
  [3, '5s…5m', [5000, 10_000, 20_000, 300_000, 300_000]],
  [5, '5s…30s', [5000, 10_000, 20_000, 30_000, 30_000]],
  [0, '5s…1m', [60_000, 60_000, 60_000, 60_000, 60_000]],
  [100, '1s', [1000, 1000, 1000, 1000, 1000]],
])('%i tries soon within %s', (retries, written, expected) => {
  const backoff = readBackoff(written) ?? { firstMs: 0, mostMs: 0 };
  expect([1, 2, 3, 4, 5].map(failures => waitAfter({ retries, backoff }, failures))).toEqual(expected);
});
