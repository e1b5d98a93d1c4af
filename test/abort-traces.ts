// What Node keeps at a signal: a signal that lives as long as the process must keep nothing of what is over.
import { getEventListeners } from 'node:events';

/** Listeners, and signals that were made of it by `AbortSignal.any` (Node keeps these in a set by a symbol of that name). */
export function tracesAt(signal: AbortSignal): number {
  const set = Object.getOwnPropertySymbols(signal).find(one => one.description === 'kDependantSignals');
  const made =
    set === undefined ? undefined : (signal as unknown as Readonly<Record<symbol, Set<unknown> | null>>)[set];
  return getEventListeners(signal, 'abort').length + (made?.size ?? 0);
}
