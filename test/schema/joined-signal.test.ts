// One signal of several: fires with the first, and leaves nothing behind.
import { expect, it } from 'vitest';
import { joinSignals } from '../../schema/joined-signal.js';
import { tracesAt } from '../abort-traces.js';

it.each([0, 1])('fires with any of them, for its reason (%i)', which => {
  const both = [new AbortController(), new AbortController()];
  const { signal } = joinSignals(...both.map(one => one.signal));
  expect(signal.aborted).toBe(false);
  both[which]?.abort('why');
  expect([signal.aborted, signal.reason]).toEqual([true, 'why']);
});

it('has fired where one of them had', () => {
  const { signal } = joinSignals(new AbortController().signal, AbortSignal.abort('before'));
  expect([signal.aborted, signal.reason]).toEqual([true, 'before']);
});

it('leaves nothing at a signal that lives on', () => {
  const lasting = new AbortController();
  const joined = Array.from({ length: 20 }, () => joinSignals(lasting.signal, new AbortController().signal));
  // However many there are: Node warns of more than ten listeners.
  expect(tracesAt(lasting.signal)).toBe(1);
  joined[0]?.part();
  expect(tracesAt(lasting.signal)).toBe(1);
  for (const { part } of joined) part();
  expect(tracesAt(lasting.signal)).toBe(0);
  lasting.abort();
  expect(joined.some(one => one.signal.aborted)).toBe(false);
});

it('fires all that stand still, also after some have left and others came', () => {
  const lasting = new AbortController();
  const [gone, stays] = [joinSignals(lasting.signal), joinSignals(lasting.signal)];
  gone.part();
  gone.part();
  stays.part();
  const [one, other] = [joinSignals(lasting.signal), joinSignals(lasting.signal)];
  gone.part();
  lasting.abort('over');
  expect([gone, stays, one, other].map(each => each.signal.aborted)).toEqual([false, false, true, true]);
});

it('is needed for that: what AbortSignal.any makes leaves a trace', () => {
  const other = new AbortController();
  AbortSignal.any([other.signal, new AbortController().signal]);
  expect(tracesAt(other.signal)).toBe(1);
});
