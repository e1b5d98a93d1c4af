// One client that follows events: what was kept after the last one that it has, then what happens, without a gap or a double.
import { AppError, asAppError } from '../../schema/errors.js';
import type { HistoryEvent } from '../../schema/history.js';
import type { EventsTopic } from '../../schema/live-messages.js';
import type { Subscriber } from './connection.js';
import type { EventsFeed } from './events-feed.js';
import type { Write, WriteEvent } from './shared.js';

/** What is kept after an event and is of what was asked for, oldest first. */
export type ReadEvents = (
  ask: Pick<EventsTopic, 'after' | 'service' | 'machine'> & { readonly limit: number },
) => Promise<readonly HistoryEvent[]>;

const page = 500;
/** What happens meanwhile waits here; when it becomes more, it is read again as it is kept. */
const buffered = 1000;

const isOf =
  ({ service, machine }: EventsTopic) =>
  ({ key, machine: on }: HistoryEvent): boolean =>
    (service === undefined || key === service || key?.slice(0, key.indexOf('@')) === service) &&
    (machine === undefined || on === machine);

/** The newest ids of what was handed on. */
function openSeen(): { readonly add: (id: string) => void; readonly has: (id: string) => boolean } {
  const ids = new Set<string>();
  return {
    has: id => ids.has(id),
    add: id => {
      ids.add(id);
      const [oldest] = ids;
      if (ids.size > 2 * buffered + page && oldest !== undefined) ids.delete(oldest);
    },
  };
}

/** What was handed to one client, and what waits until it has caught up. */
interface Delivery {
  readonly hand: (event: HistoryEvent) => void;
  readonly happened: (event: HistoryEvent) => void;
  /** Whether something that waited was let go since this was asked last: it is to be read as it was kept. */
  lost(): boolean;
  release(): void;
}

function openDelivery(ask: EventsTopic, to: Subscriber, writeEvent: WriteEvent): Delivery {
  const wanted = isOf(ask);
  const seen = openSeen();
  let waiting: HistoryEvent[] | undefined = ask.after === undefined ? undefined : [];
  let letGo = false;
  const hand = (event: HistoryEvent): void => {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    to.send(writeEvent(event));
  };
  return {
    hand,
    happened: event => {
      if (!wanted(event)) return;
      if (waiting === undefined) return hand(event);
      waiting.push(event);
      if (waiting.length <= buffered) return;
      [waiting, letGo] = [[], true];
    },
    lost: () => {
      const before = letGo;
      letGo = false;
      return before;
    },
    release: () => {
      const waited = waiting ?? [];
      waiting = undefined;
      waited.forEach(hand);
    },
  };
}

/** Page by page, as fast as the client takes them. */
async function catchUp(read: ReadEvents, ask: EventsTopic, to: Subscriber, delivery: Delivery): Promise<void> {
  const { service, machine } = ask;
  const of = { ...(service === undefined ? {} : { service }), ...(machine === undefined ? {} : { machine }) };
  let after = ask.after ?? '';
  for (let more = true; more && !to.signal.aborted;) {
    const found = await read({ ...of, after, limit: page });
    found.forEach(delivery.hand);
    after = found.at(-1)?.id ?? after;
    more = found.length === page || delivery.lost();
    if (more) await to.drained();
  }
}

/** Resolves when it has caught up; throws `unknown-name` for an event that is not kept. */
export async function followEvents(
  feed: EventsFeed,
  read: ReadEvents,
  ask: EventsTopic,
  to: Subscriber,
  { write, writeEvent }: { readonly write: Write; readonly writeEvent: WriteEvent },
): Promise<void> {
  const delivery = openDelivery(ask, to, writeEvent);
  const kept = (isKept: boolean, why: string | undefined): void =>
    to.send(write({ type: 'history', kept: isKept, ...(why === undefined ? {} : { why }) }));
  const leave = await feed.join({ event: delivery.happened, kept });
  if (to.signal.aborted) return leave();
  to.signal.addEventListener('abort', leave, { once: true });
  if (ask.after === undefined) return;
  try {
    await catchUp(read, ask, to, delivery);
    to.send(write({ type: 'caught-up' }));
  } catch (thrown) {
    if (!isAway(thrown)) throw thrown;
    kept(false, asAppError(thrown).message);
  }
  delivery.release();
}

/** Nobody can be asked what was kept: it is told, and only what happens now is followed. */
const isAway = (thrown: unknown): boolean =>
  thrown instanceof AppError && (thrown.code === 'store-away' || thrown.code === 'store-none');
