// What waits for each destination: messages to be sent, in order, and what quiet hours hold back. Pure; the loop sends.
import type { Destination, Message, Telling } from '../../schema/notify.js';
import { repeatMs } from './incidents.js';
import { isQuiet } from './quiet-hours.js';

export interface Waiting {
  readonly message: Message;
  /** Tries that failed. */
  readonly tries: number;
  /** Not before then; milliseconds since 1970. */
  readonly dueAt: number;
}

export interface Box {
  readonly queue: readonly Waiting[];
  /** Held back until quiet hours are over. */
  readonly held: readonly Telling[];
  /** When it was told last of what still may go on, by key, for an hour. */
  readonly told: Readonly<Record<string, number>>;
}

export type Boxes = Readonly<Record<string, Box>>;

export const emptyBox: Box = { queue: [], held: [], told: {} };
/** A destination that is away for long loses its oldest messages, those of single runs first. */
const mostWaiting = 100;
const mostHeld = 500;
/** What is sent by then counts as sent when it was written. */
const promptMs = 30_000;

/** Tellings of one kind, state and urgency are one message. */
function fold(tellings: readonly Telling[]): readonly (readonly Telling[])[] {
  const groups = new Map<string, Telling[]>();
  for (const one of tellings) {
    const name = `${one.kind} ${one.state} ${one.urgent === true}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups.values()];
}

export interface Sender {
  readonly cluster: string;
  readonly now: number;
  readonly newId: () => string;
}

function messageOf(items: readonly Telling[], { cluster, now, newId }: Sender): Message {
  const [first] = items;
  const { state, kind, urgent } = first ?? { state: 'notice', kind: undefined, urgent: undefined };
  return { id: newId(), state, ...(kind && { kind }), cluster, at: now, ...(urgent && { urgent }), items };
}

function queued(queue: readonly Waiting[], message: Message): readonly Waiting[] {
  const next = [...queue, { message, tries: 0, dueAt: message.at }];
  if (next.length <= mostWaiting) return next;
  const notice = next.findIndex(one => one.message.state === 'notice');
  const first = Math.max(0, notice);
  return next.filter((_, index) => index !== first);
}

const goesOn = ({ state }: Telling): boolean => state === 'open' || state === 'again';

/** Reminders of what this destination has not got yet, or got within the hour, say nothing new. */
function withoutNews({ queue, told }: Box, tellings: readonly Telling[], now: number): readonly Telling[] {
  const coming = new Set(queue.flatMap(one => one.message.items.filter(goesOn).map(item => item.key)));
  const isRecent = (at: number | undefined): boolean => at !== undefined && now - Math.min(at, now) < repeatMs;
  return tellings.filter(one => one.state !== 'again' || !(coming.has(one.key) || isRecent(told[one.key])));
}

/** Reminders of one incident count once. */
function heldWith(held: readonly Telling[], more: readonly Telling[]): readonly Telling[] {
  const again = new Set(more.filter(one => one.state === 'again').map(one => one.key));
  return [...held.filter(one => one.state !== 'again' || !again.has(one.key)), ...more].slice(-mostHeld);
}

const isUrgent = ({ urgent }: Destination, { urgent: critical, kind }: Telling): boolean =>
  critical === true || urgent.includes(kind);

function put(box: Box, to: Destination, tellings: readonly Telling[], sender: Sender): Box {
  const wanted = tellings
    .filter(one => to.on.includes(one.kind))
    .map((one): Telling => (isUrgent(to, one) ? { ...one, urgent: true } : one));
  if (wanted.length === 0) return box;
  const quiet = isQuiet(to.quiet, sender.now);
  const later = quiet ? wanted.filter(one => one.urgent !== true) : [];
  const news = withoutNews(box, quiet ? wanted.filter(one => one.urgent === true) : wanted, sender.now);
  const queue = fold(news).reduce((queue, items) => queued(queue, messageOf(items, sender)), box.queue);
  return { ...box, queue, held: heldWith(box.held, later) };
}

/** What is still so comes once and as it is now; what came and went in between, as what it was. */
function digested(held: readonly Telling[]): readonly Telling[] {
  const last = new Map(held.map(one => [one.key, one]));
  const notices = held.filter(one => one.state === 'notice');
  return [...[...last.values()].filter(one => one.state !== 'notice'), ...notices];
}

function digest(box: Box, to: Destination, sender: Sender): Box {
  if (box.held.length === 0 || isQuiet(to.quiet, sender.now)) return box;
  const { cluster, now, newId } = sender;
  const message: Message = { id: newId(), state: 'digest', cluster, at: now, items: digested(box.held) };
  return { ...box, queue: queued(box.queue, message), held: [] };
}

const isEmpty = ({ queue, held, told }: Box): boolean =>
  queue.length === 0 && held.length === 0 && Object.keys(told).length === 0;

const kept = (boxes: Boxes): Boxes => Object.fromEntries(Object.entries(boxes).filter(([, box]) => !isEmpty(box)));

/** Every destination gets what it asked for, now or after its quiet hours. Boxes of destinations that are no more go away. */
export function deal(
  boxes: Boxes,
  destinations: readonly Destination[],
  tellings: readonly Telling[],
  sender: Sender,
): Boxes {
  const own = destinations.map(to => {
    const box = boxes[to.name] ?? emptyBox;
    return [to.name, put(digest(box, to, sender), to, tellings, sender)] as const;
  });
  return kept(Object.fromEntries(own));
}

const isUnlike = (id: string) => (one: Waiting) => one.message.id !== id;

export function delivered(boxes: Boxes, name: string, { id, at, items }: Message, now: number): Boxes {
  const { [name]: box = emptyBox, ...others } = boxes;
  const when = now - at <= promptMs ? at : now;
  const recent = Object.entries(box.told).filter(([, told]) => now - Math.min(told, now) < repeatMs);
  const told = {
    ...Object.fromEntries(recent),
    ...Object.fromEntries(items.filter(goesOn).map(one => [one.key, when])),
  };
  return kept({ ...others, [name]: { ...box, queue: box.queue.filter(isUnlike(id)), told } });
}

export function postponed(boxes: Boxes, name: string, { id }: Message, dueAt: number): Boxes {
  const { [name]: box = emptyBox, ...others } = boxes;
  const queue = box.queue.map(one => (isUnlike(id)(one) ? one : { ...one, tries: one.tries + 1, dueAt }));
  return { ...others, [name]: { ...box, queue } };
}

export function dropped(boxes: Boxes, name: string, { id }: Message): Boxes {
  const { [name]: box = emptyBox, ...others } = boxes;
  return kept({ ...others, [name]: { ...box, queue: box.queue.filter(isUnlike(id)) } });
}
