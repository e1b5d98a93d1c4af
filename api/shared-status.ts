// `status` for many who ask: one look at the machines for all of them, and none again while the last one is younger than a second.
import type { Engine, OutputOf } from '../reconciler/engine.js';
import { joinSignals } from '../schema/joined-signal.js';
import type { Redactor } from '../schema/redact.js';

/** How old what is answered may be, and how old while somebody waits for a newer look already; `at` in the answer says it. Milliseconds. */
export interface Freshness {
  readonly freshMs: number;
  readonly staleMs: number;
}

const usual: Freshness = { freshMs: 1_000, staleMs: 10_000 };

type Status = OutputOf<'status'>;

interface Look {
  readonly startedAt: number;
  readonly answer: Promise<Status>;
  /** The same, once it is there. */
  told?: Status;
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

/**
 * The same engine, but `status` is looked at once for all who ask at the same time: who goes away ends it for nobody else. Whatever is
 * changed through it makes the next one look again.
 */
export function shareStatus(
  engine: Pick<Engine, 'perform' | 'describe'>,
  stopping: AbortSignal,
  { freshMs, staleMs }: Freshness = usual,
): SharedStatus {
  let last: Look | undefined;
  let under: Look | undefined;

  function look([, , actor]: Ask): Look {
    const ended = new AbortController();
    const { signal, part } = joinSignals(stopping, ended.signal);
    const answer = engine.perform('status', {}, actor, signal);
    const own: Look = { startedAt: performance.now(), answer, waiting: 0, ended };
    under = own;
    const settle = (kept?: Look): void => {
      part();
      if (under === own) [last, under] = [kept, undefined];
    };
    answer.then(
      told => settle(Object.assign(own, { told })),
      () => settle(),
    );
    return own;
  }

  function known(): Status | undefined {
    if (last === undefined) return undefined;
    const age = performance.now() - last.startedAt;
    return age < (under === undefined ? freshMs : Math.max(freshMs, staleMs)) ? last.told : undefined;
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
