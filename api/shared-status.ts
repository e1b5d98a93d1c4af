// `status` for many who ask: one look at the machines for all of them, and none again so soon that looking became most of what is done.
import type { Engine, OutputOf } from '../reconciler/engine.js';
import { joinSignals } from '../schema/joined-signal.js';
import type { Told } from '../schema/live.js';
import type { Redactor } from '../schema/redact.js';

/** How old what is answered may be; `at` in the answer says it. Milliseconds. */
export interface Freshness {
  /** However quick a look is. */
  readonly freshMs: number;
  /** However long it took; between these two it is `rests` times that, as long as nothing happens. */
  readonly mostFreshMs: number;
  /** While somebody waits for a newer look already. */
  readonly staleMs: number;
}

const usual: Freshness = { freshMs: 1_000, mostFreshMs: 5_000, staleMs: 10_000 };

/** What a look takes of processors, here and on machines, it takes from runs. */
const rests = 10;

type Status = OutputOf<'status'>;

interface Look {
  readonly startedAt: number;
  readonly answer: Promise<Status>;
  /** The same, once it is there. */
  told?: Status;
  /** How old it may be before the next look. */
  freshMs: number;
  /** Who waits for it; when all of them have gone away, it ends. */
  waiting: number;
  readonly ended: AbortController;
}

type Ask = Parameters<Engine['perform']>;

function waitFor(look: Look, signal: AbortSignal): Look['answer'] {
  look.waiting += 1;
  const leave = (): void => {
    look.waiting -= 1;
    if (look.waiting === 0) look.ended.abort(signal.reason);
  };
  signal.addEventListener('abort', leave, { once: true });
  return look.answer;
}

export interface SharedStatus extends Pick<Engine, 'perform'> {
  /** What `status` would answer without a new look; most of those who ask get this, and wait for nothing. */
  known(): Status | undefined;
}

/** What was looked at before it may be otherwise now. */
const changesStatus = ({ kind }: Told): boolean => kind === 'run.ended' || kind === 'transition';

/**
 * The same engine, but `status` is looked at once for all who ask at the same time: who goes away ends it for nobody else. Whatever is
 * changed through it makes the next one look again; whatever else is told to have changed does so a moment (`freshMs`) later.
 */
export function shareStatus(
  engine: Pick<Engine, 'perform' | 'describe' | 'listen'>,
  stopping: AbortSignal,
  { freshMs, mostFreshMs, staleMs }: Freshness = usual,
): SharedStatus {
  let last: Look | undefined;
  let under: Look | undefined;

  let changedAt = 0;
  const stop = engine.listen(told => {
    if (changesStatus(told)) changedAt = performance.now();
  });
  stopping.addEventListener('abort', stop, { once: true });

  const freshAfter = (tookMs: number): number => Math.min(Math.max(freshMs, rests * tookMs), mostFreshMs);

  function look([, , actor]: Ask): Look {
    const ended = new AbortController();
    const { signal, part } = joinSignals(stopping, ended.signal);
    const answer = engine.perform('status', {}, actor, signal);
    const own: Look = { startedAt: performance.now(), answer, freshMs: 0, waiting: 0, ended };
    under = own;
    const settle = (kept?: Look): void => {
      part();
      if (under === own) [last, under] = [kept, undefined];
    };
    answer.then(
      told => settle(Object.assign(own, { told, freshMs: freshAfter(performance.now() - own.startedAt) })),
      () => settle(),
    );
    return own;
  }

  /** Until when it is asked for no newer one. */
  function freshUntil({ startedAt, freshMs: forMs }: Look): number {
    const untilAt = startedAt + forMs;
    return changedAt < startedAt ? untilAt : Math.min(untilAt, changedAt + freshMs);
  }

  function known(): Status | undefined {
    if (last === undefined) return undefined;
    const untilAt = under === undefined ? freshUntil(last) : Math.max(freshUntil(last), last.startedAt + staleMs);
    return performance.now() < untilAt ? last.told : undefined;
  }

  async function status(ask: Ask): Promise<Status> {
    const told = known();
    if (told !== undefined) return told;
    // One that everybody has left is being ended, and answers nothing.
    const left = under?.ended.signal.aborted ?? true;
    return await waitFor(under === undefined || left ? look(ask) : under, ask[3]);
  }

  const forget = (): void => {
    [last, under] = [undefined, undefined];
  };

  async function perform(...ask: Ask): Promise<unknown> {
    const [name] = ask;
    if (name === 'status') return await status(ask);
    const { effect } = await engine.describe(name);
    if (effect === 'reads') return await engine.perform(...ask);
    forget();
    try {
      return await engine.perform(...ask);
    } finally {
      forget();
    }
  }

  return { perform: perform as Engine['perform'], known };
}

/** The JSON of an answer that many get, masked and written once for all of them, and anew when there is more to mask. */
export function writeOnce({ value, edition }: Pick<Redactor, 'value' | 'edition'>): (answer: object) => string {
  const written = new WeakMap<object, { readonly edition: number; readonly text: string }>();
  return answer => {
    const known = written.get(answer);
    if (known?.edition === edition()) return known.text;
    const text = JSON.stringify(value(answer));
    written.set(answer, { edition: edition(), text });
    return text;
  };
}
