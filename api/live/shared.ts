// Messages that go to many: masked, written and framed once for all of them who gave their subscription the same name.
import type { HistoryEvent } from '../../schema/history.js';
import type { LiveMessage } from '../../schema/live-messages.js';
import type { Redactor } from '../../schema/redact.js';
import { textFrame } from './frame.js';

export interface Shared {
  /** Characters of it. */
  readonly length: number;
  /** The bytes of it, with the name that a subscription has. They are everybody's: who writes them changes none. */
  readonly frame: (id: string) => Buffer;
}

/** Writes messages, without secrets: it is the only way from what happens to who follows. */
export type Write = (message: LiveMessage) => Shared;

function share(text: string): Shared {
  const frames = new Map<string, Buffer>();
  return {
    length: text.length,
    frame: id => {
      const frame = frames.get(id) ?? textFrame(`{"id":${JSON.stringify(id)},${text.slice(1)}`);
      frames.set(id, frame);
      return frame;
    },
  };
}

export const writeMasked =
  (redactor: Pick<Redactor, 'value'>): Write =>
  message =>
    share(JSON.stringify(redactor.value(message)));

export type WriteEvent = (event: HistoryEvent) => Shared;

/** The same event is written once, for each of those who follow asks for it by itself; and anew when there is more to mask. */
export function writeEvents(write: Write, { edition }: Pick<Redactor, 'edition'>): WriteEvent {
  const written = new WeakMap<HistoryEvent, { readonly edition: number; readonly message: Shared }>();
  return event => {
    const known = written.get(event);
    if (known?.edition === edition()) return known.message;
    const message = write({ type: 'event', event });
    written.set(event, { edition: edition(), message });
    return message;
  };
}
