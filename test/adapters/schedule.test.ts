// The schedule: cron expressions are checked, come due, and end without a timer.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Log } from '../../reconciler/ports.js';
import { createSchedule } from '../../reconciler/adapters/schedule.js';

const said: { level: string; fields: Readonly<Record<string, unknown>>; message: string }[] = [];
const log: Log = {
  child: () => log,
  debug: (fields, message) => void said.push({ level: 'debug', fields, message }),
  info: (fields, message) => void said.push({ level: 'info', fields, message }),
  warn: (fields, message) => void said.push({ level: 'warn', fields, message }),
  error: (fields, message) => void said.push({ level: 'error', fields, message }),
};

beforeEach(() => {
  said.length = 0;
  vi.useFakeTimers({ now: new Date('2026-03-28T02:29:30Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

test('it comes due at the times of the expression, by UTC, until it is ended', async () => {
  const due: string[] = [];
  const end = createSchedule(log).every('30 2 * * *', () => due.push(new Date().toISOString().slice(0, 16)));
  await vi.advanceTimersByTimeAsync(2 * 24 * 3600 * 1000);
  expect(due).toEqual(['2026-03-28T02:30', '2026-03-29T02:30']);
  end();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(24 * 3600 * 1000);
  expect(due).toHaveLength(2);
});

test.each(['', 'often', '61 * * * *', '* * * *', '0 25 * * *'])('%j is refused', expression => {
  expect(() => createSchedule(log).every(expression, () => undefined)).toThrow(
    expect.objectContaining({ code: 'registry-invalid' }),
  );
});

test('what it calls may throw: that is logged, and it goes on', async () => {
  let calls = 0;
  const end = createSchedule(log).every('* * * * *', () => {
    calls += 1;
    throw new Error('broken');
  });
  await vi.advanceTimersByTimeAsync(3 * 60 * 1000);
  end();
  expect(calls).toBeGreaterThanOrEqual(2);
  expect(said.some(line => line.level === 'error')).toBe(true);
});
