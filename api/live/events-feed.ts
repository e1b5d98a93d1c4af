// Events in the order in which history keeps them; while it cannot be asked, as they happen. One reading for all who follow.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryEvent } from '../../schema/history.js';
import { type AppError, asAppError } from '../../schema/errors.js';

export interface FeedParts {
  /** What is kept after an event, oldest first; without it the newest. Throws `store-away` or `store-none`. */
  readonly read: (after: string | undefined, limit: number) => Promise<readonly HistoryEvent[]>;
  readonly onFault: (error: AppError) => void;
  /** How often it is looked for what others kept: a command writes its own events. */
  readonly lookMs: number;
  /** What was told and is not kept after so long is handed on all the same. */
  readonly patienceMs: number;
}

export interface FeedListener {
  readonly event: (event: HistoryEvent) => void;
  /** Told at the beginning, and when that changes. */
  readonly kept: (kept: boolean, why: string | undefined) => void;
}

export interface EventsFeed {
  /** What just happened in this process. */
  hear(event: HistoryEvent): void;
  /** Answers, once it is known from where on it reads, how to stop. */
  join(listener: FeedListener): Promise<() => void>;
  close(): void;
}

const page = 500;
/** Ids of what was handed on before it was kept, so that it is not handed on twice. */
const rememberedIds = 20_000;
const firstPauseMs = 10;

interface Standing {
  readonly kept: boolean;
  readonly why?: string;
}

/** A promise that is kept from outside. */
function openGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>(resolve => (open = resolve));
  return { opened, open: () => open() };
}

export function openEventsFeed(parts: FeedParts): EventsFeed {
  const listeners = new Set<FeedListener>();
  const pending = new Map<string, HistoryEvent>();
  const ahead = new Set<string>();
  let standing: Standing | undefined;
  let reading: Promise<void> | undefined;
  let ready = openGate();
  let wake = new AbortController();
  let cursor: string | undefined;

  const hand = (event: HistoryEvent): void => listeners.forEach(one => one.event(event));

  function handAhead(event: HistoryEvent): void {
    if (!pending.delete(event.id)) return;
    ahead.add(event.id);
    const [oldest] = ahead;
    if (ahead.size > rememberedIds && oldest !== undefined) ahead.delete(oldest);
    hand(event);
  }

  function handKept(event: HistoryEvent): void {
    cursor = event.id;
    pending.delete(event.id);
    if (!ahead.delete(event.id)) hand(event);
  }

  function stand(next: Standing): void {
    const before = standing;
    standing = next;
    if (!next.kept) [...pending.values()].forEach(handAhead);
    if (before !== undefined && before.kept !== next.kept) listeners.forEach(one => one.kept(next.kept, next.why));
    ready.open();
  }

  /** Where it begins, the newest is only where it goes on from. */
  async function readOn(): Promise<void> {
    if (standing?.kept !== true && cursor === undefined) {
      cursor = (await parts.read(undefined, 1))[0]?.id;
      return stand({ kept: true });
    }
    for (let more = true; more && listeners.size > 0;) {
      const found = await parts.read(cursor, page);
      stand({ kept: true });
      found.forEach(handKept);
      more = found.length === page;
    }
  }

  function failed(thrown: unknown): void {
    const error = asAppError(thrown);
    // What it went on from is not kept any more: another database, or a year later.
    if (error.code === 'unknown-name') cursor = undefined;
    else if (error.code !== 'store-away' && error.code !== 'store-none') parts.onFault(error);
    stand({ kept: false, why: error.message });
  }

  async function rest(forMs: number): Promise<void> {
    wake = new AbortController();
    await sleep(forMs, undefined, { signal: wake.signal, ref: false }).catch((thrown: unknown) => {
      if (!wake.signal.aborted) throw thrown;
    });
  }

  async function follow(): Promise<void> {
    for (let pauseMs = firstPauseMs; listeners.size > 0;) {
      const waiting = pending.size;
      await readOn().catch(failed);
      pauseMs = pending.size > 0 && pending.size === waiting ? Math.min(2 * pauseMs, 500) : firstPauseMs;
      await rest(pending.size > 0 ? pauseMs : parts.lookMs);
    }
    [standing, cursor, reading] = [undefined, undefined, undefined];
    ready = openGate();
    pending.clear();
    ahead.clear();
    if (listeners.size > 0) begin();
  }

  function begin(): void {
    reading ??= follow().catch((thrown: unknown) => parts.onFault(asAppError(thrown)));
  }

  return {
    hear: event => {
      if (listeners.size === 0) return;
      pending.set(event.id, event);
      if (standing?.kept === false) return handAhead(event);
      setTimeout(() => handAhead(event), parts.patienceMs).unref();
      if (pending.size === 1) wake.abort();
    },
    join: async listener => {
      listeners.add(listener);
      begin();
      await ready.opened;
      if (standing !== undefined) listener.kept(standing.kept, standing.why);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) wake.abort();
      };
    },
    close: () => {
      listeners.clear();
      wake.abort();
      ready.open();
    },
  };
}
