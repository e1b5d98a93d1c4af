// What a notifier is: one kind of destination; from a message to the request that its service takes. Pure.
import { AppError } from '../../schema/errors.js';
import type { Destination, Message, NotifyType, Parcel } from '../../schema/notify.js';

/** A destination with the values of its references. */
export interface Address {
  readonly to: Destination;
  /** When it is sent; milliseconds since 1970. */
  readonly now: number;
  readonly url?: string;
  readonly secret?: string;
}

export interface Notifier {
  readonly type: NotifyType;
  /** Throws `notify-address` for an address that its service cannot have; never repeats it. */
  parcel(message: Message, address: Address): Parcel;
}

/** The address, or what stands in for it, with a path below it. */
export function addressOf({ to, url }: Address, protocols: readonly string[], byDefault = ''): URL {
  const text = (url ?? byDefault).trim();
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !protocols.includes(parsed.protocol) || parsed.hostname === '')
    throw new AppError('notify-address', `the address of \`${to.name}\` is none of ${to.type}`);
  return parsed;
}

export const web: readonly string[] = ['https:', 'http:'];

/** Below the path of a server that may stand below one itself. */
export function below(base: URL, path: string): string {
  return new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base.origin).href;
}

export function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Parcel {
  const all = { 'content-type': 'application/json', ...headers };
  return { via: 'http', method: 'POST', url, headers: all, body: JSON.stringify(body) };
}
