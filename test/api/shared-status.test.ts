// One look for all who ask for the status, and none that is older than it may be.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type SharedStatus, shareStatus, writeOnce } from '../../api/shared-status.js';
import { createRedactor } from '../../schema/redact.js';
import type { Actor, Engine } from '../../reconciler/engine.js';
import type { Told } from '../../schema/live.js';
import { tracesAt } from '../abort-traces.js';

const actor: Actor = { name: 'ada', by: 'api' };
let looks: { signal: AbortSignal; answer: (at: number) => void; fail: (error: Error) => void }[] = [];
let changed = 0;

const perform = (async (name: string, _: object, __: Actor, signal: AbortSignal) => {
  if (name !== 'status') return (changed += 1);
  return await new Promise((resolve, reject) => {
    looks.push({ signal, answer: at => resolve({ at }), fail: reject });
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}) as never as Engine['perform'];
const describe = (async (name: string) => ({ effect: name === 'plan' ? 'reads' : 'changes' })) as never;

const listeners = new Set<(told: Told) => void>();
const listen: Engine['listen'] = listener => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const tell = (told: Told): void => listeners.forEach(listener => listener(told));

let shared: SharedStatus;
let stopping: AbortController;
beforeEach(() => {
  stopping = new AbortController();
  vi.useFakeTimers({ toFake: ['performance'] });
  looks = [];
  listeners.clear();
  shared = shareStatus({ perform, describe, listen }, stopping.signal, {
    freshMs: 1000,
    mostFreshMs: 1500,
    staleMs: 2000,
  });
});
afterEach(() => vi.useRealTimers());

const ask = (signal = new AbortController().signal) => shared.perform('status', {}, actor, signal);

async function known(at: number): Promise<void> {
  const first = ask();
  looks.at(-1)?.answer(at);
  await first;
}

it('those who ask at the same time get one look', async () => {
  const all = [ask(), ask(), ask()];
  expect(looks).toHaveLength(1);
  looks[0]?.answer(7);
  expect(await Promise.all(all)).toEqual([{ at: 7 }, { at: 7 }, { at: 7 }]);
});

it('is known to who comes afterwards, without waiting, until it is too old', async () => {
  expect(shared.known()).toBeUndefined();
  await known(1);
  expect(shared.known()).toEqual({ at: 1 });
  vi.advanceTimersByTime(1000);
  expect(shared.known()).toBeUndefined();
  void ask();
  expect(shared.known()).toEqual({ at: 1 });
  vi.advanceTimersByTime(1000);
  expect(shared.known()).toBeUndefined();
});

it('is made again after a second: who comes first waits for it, and those who come meanwhile do not', async () => {
  await known(1);
  vi.advanceTimersByTime(999);
  expect(await ask()).toEqual({ at: 1 });
  expect(looks).toHaveLength(1);
  vi.advanceTimersByTime(1);
  const first = ask();
  expect(looks).toHaveLength(2);
  expect(await ask()).toEqual({ at: 1 });
  looks[1]?.answer(2);
  expect(await first).toEqual({ at: 2 });
  expect(await ask()).toEqual({ at: 2 });
});

async function knownAfter(tookMs: number): Promise<void> {
  const first = ask();
  vi.advanceTimersByTime(tookMs);
  looks.at(-1)?.answer(1);
  await first;
}

/** From now on. */
function knownForMs(): number {
  let ms = 0;
  for (; shared.known() !== undefined; ms += 1) vi.advanceTimersByTime(1);
  return ms;
}

it('is made again the later the longer it took, up to a bound', async () => {
  await knownAfter(99);
  expect(knownForMs()).toBe(1000 - 99);
  await knownAfter(120);
  expect(knownForMs()).toBe(1200 - 120);
  await knownAfter(400);
  expect(knownForMs()).toBe(1500 - 400);
  await knownAfter(1500);
  expect(shared.known()).toBeUndefined();
});

const ended: Told = { kind: 'run.ended', run: 'r1', at: 1, next: { next: 'settled' } };

it('is made again a second after a run has ended, however long it took, and is not known longer because of that', async () => {
  await knownAfter(150);
  tell(ended);
  expect(knownForMs()).toBe(1000);
  await knownAfter(150);
  tell({ kind: 'step.line', run: 'r2', at: 1, machine: 'm1', of: [], text: 'x' });
  expect(knownForMs()).toBe(1350);
  await knownAfter(0);
  vi.advanceTimersByTime(500);
  tell(ended);
  expect(knownForMs()).toBe(500);
});

it('what was looked at while a run ended may be of before that', async () => {
  const first = ask();
  vi.advanceTimersByTime(100);
  tell(ended);
  vi.advanceTimersByTime(100);
  looks.at(-1)?.answer(1);
  await first;
  expect(knownForMs()).toBe(900);
});

it('what is too old is told to nobody, also while a newer look is under way', async () => {
  await known(1);
  vi.advanceTimersByTime(1999);
  const first = ask();
  expect(await ask()).toEqual({ at: 1 });
  vi.advanceTimersByTime(1);
  const late = ask();
  looks[1]?.answer(2);
  expect(await Promise.all([first, late])).toEqual([{ at: 2 }, { at: 2 }]);
});

it('its JSON is masked and written once, and anew when a secret was learnt since', () => {
  const redactor = createRedactor();
  redactor.learn([{ value: 'first-secret' }]);
  let masks = 0;
  const value: typeof redactor.value = one => {
    masks += 1;
    return redactor.value(one);
  };
  const write = writeOnce({ ...redactor, value });
  const answer = { one: 'first-secret', other: 'second-secret' };
  expect([write(answer), write(answer)]).toEqual(Array(2).fill('{"one":"***","other":"second-secret"}'));
  redactor.learn([{ value: 'first-secret' }, { value: 'second-secret' }]);
  expect([write(answer), write(answer)]).toEqual(Array(2).fill('{"one":"***","other":"***"}'));
  expect(masks).toBe(2);
});

it('a change makes the next one look again, also while one is looking', async () => {
  await known(1);
  const before = changed;
  await shared.perform('suspend', { reason: 'x' }, actor, stopping.signal);
  expect(changed).toBe(before + 1);
  const next = ask();
  await shared.perform('deploy', {}, actor, stopping.signal);
  const after = ask();
  expect(looks).toHaveLength(3);
  looks[1]?.answer(2);
  looks[2]?.answer(3);
  expect(await Promise.all([next, after])).toEqual([{ at: 2 }, { at: 3 }]);
  expect(await ask()).toEqual({ at: 3 });
});

it('what only reads changes nothing for it', async () => {
  await known(1);
  await shared.perform('plan', {}, actor, stopping.signal);
  expect(await ask()).toEqual({ at: 1 });
});

it('one who goes away ends it for nobody else, and the last one does', async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const all = Promise.allSettled([ask(one.signal), ask(other.signal)]);
  one.abort(new Error('gone'));
  expect(looks[0]?.signal.aborted).toBe(false);
  other.abort(new Error('gone'));
  expect(looks[0]?.signal.aborted).toBe(true);
  const next = ask();
  expect(looks).toHaveLength(2);
  looks[1]?.answer(2);
  expect(await next).toEqual({ at: 2 });
  expect((await all).map(each => each.status)).toEqual(['rejected', 'rejected']);
});

it('a look that failed is told to those who waited, and not kept', async () => {
  const first = ask();
  looks[0]?.fail(new Error('no'));
  await expect(first).rejects.toThrow('no');
  void ask();
  expect(looks).toHaveLength(2);
  looks[1]?.answer(1);
});

it('leaves nothing at the signal of the server, however often it is looked', async () => {
  const lasting = new AbortController().signal;
  shared = shareStatus({ perform, describe, listen }, lasting, { freshMs: 1000, mostFreshMs: 1000, staleMs: 2000 });
  const before = tracesAt(lasting);
  for (let time = 0; time < 20; time += 1) {
    await known(time);
    vi.advanceTimersByTime(1000);
    const failing = ask();
    looks.at(-1)?.fail(new Error('broke'));
    await expect(failing).rejects.toThrow('broke');
  }
  expect(looks).toHaveLength(40);
  expect(tracesAt(lasting)).toBe(before);
});
