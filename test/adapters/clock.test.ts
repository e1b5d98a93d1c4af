// The real clock: sleeps end early by their signal and leave no timer.
import { expect, test } from 'vitest';
import { systemClock } from '../../reconciler/adapters/clock.js';

const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;

test('a sleep is over after its time by the monotonic clock', async () => {
  const before = systemClock.monotonic();
  await systemClock.sleep(20);
  expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19);
});

test('a signal ends a sleep as interrupted and takes its timer along', async () => {
  const before = timers();
  const stop = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, stop.signal);
  expect(timers()).toBe(before + 1);
  stop.abort();
  await expect(sleeping).rejects.toMatchObject({ code: 'interrupted' });
  expect(timers()).toBe(before);
});

test('a signal that fired before ends it at once', async () => {
  await expect(systemClock.sleep(3_600_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'interrupted' });
});

test('a sleep longer than the longest timer does not end at once', async () => {
  const stop = new AbortController();
  let over = false;
  const sleeping = systemClock.sleep(2 ** 31 + 10, stop.signal).finally(() => {
    over = true;
  });
  await systemClock.sleep(20);
  expect(over).toBe(false);
  stop.abort();
  await expect(sleeping).rejects.toMatchObject({ code: 'interrupted' });
});

test('a negative time is no time', async () => {
  await expect(systemClock.sleep(-5)).resolves.toBeUndefined();
});
