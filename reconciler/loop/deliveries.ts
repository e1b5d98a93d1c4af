// What came by webhooks, for history and for who asks: those that say the same within a minute are one record, counted.
import type { Delivery, WebhookCounts } from '../../schema/webhooks.js';
import type { Ports } from '../ports.js';
import { pause } from './pause.js';

export type NewDelivery = Omit<Delivery, 'id' | 'at' | 'lastAt' | 'times'>;

export interface DeliveryBook {
  note(one: NewDelivery): void;
  counts(): WebhookCounts;
  /** What is counted since it was first noted is kept, too. */
  stop(): void;
}

const foldMs = 60_000;
const shownAtMost = 5;
/** Whoever sends more different ones within a minute is counted, and not kept. */
const openAtMost = 100;

/** `onNew` is told of what is not a repetition. */
export function openDeliveries(
  { store, clock, newId }: Pick<Ports, 'store' | 'clock' | 'newId'>,
  onNew: () => void,
): DeliveryBook {
  const open = new Map<string, Delivery>();
  const over = new AbortController();
  const count = { accepted: 0, refused: 0 };
  let last: readonly Delivery[] = [];
  let closing: Promise<void> | undefined;

  const keep = (delivery: Delivery): void => store.record({ kind: 'delivery', delivery });
  const close = (key: string): void => {
    const delivery = open.get(key);
    open.delete(key);
    if (delivery !== undefined && delivery.times > 1) keep(delivery);
  };
  /** Those that came first stand first. */
  const closeInTime = async (): Promise<void> => {
    for (let [first] = open; first !== undefined; [first] = open) {
      const [key, { at }] = first;
      const leftMs = Math.min(foldMs, Math.max(0, at + foldMs - clock.now()));
      if (!(await pause(clock, leftMs, over.signal))) return;
      close(key);
    }
  };
  const begin = (delivery: Delivery): void => {
    keep(delivery);
    closing ??= closeInTime().finally(() => (closing = undefined));
    onNew();
  };

  return {
    note: one => {
      count[one.verdict === 'refused' ? 'refused' : 'accepted'] += 1;
      const key = JSON.stringify(one);
      const before = open.get(key);
      if (before === undefined && open.size >= openAtMost) return;
      const now = clock.now();
      const delivery: Delivery =
        before === undefined
          ? { id: newId(), at: now, lastAt: now, times: 1, ...one }
          : { ...before, lastAt: now, times: before.times + 1 };
      open.set(key, delivery);
      last = [delivery, ...last.filter(each => each.id !== delivery.id)].slice(0, shownAtMost);
      if (before === undefined) begin(delivery);
    },
    counts: () => ({ ...count, last }),
    stop: () => {
      over.abort();
      for (const key of open.keys()) close(key);
    },
  };
}
