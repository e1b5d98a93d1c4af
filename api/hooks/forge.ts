// What a forge is to us: how its webhooks are known, how they are signed, and what they tell.
import type { IncomingHttpHeaders } from 'node:http';
import type { Forge, HookHint } from '../../schema/webhooks.js';
import type { Payload } from './payload.js';
import type { StandardSignature } from './signature.js';

export type Headers = IncomingHttpHeaders;

export interface ForgeHook {
  readonly forge: Forge;
  /** The header that it is known by, and names its events in. The first one of the list whose header is there is asked for all else. */
  readonly event?: string;
  /** Headers that may hold the signature, the one that counts first. */
  readonly signedIn: readonly string[];
  /** Undefined: there is no signature at all. `body`: as it was sent, to the byte. */
  fits(headers: Headers, body: Buffer, secrets: readonly string[]): boolean | undefined;
  read(headers: Headers, payload: Payload): Omit<HookHint, 'forge'>;
}

/** A header that was sent once. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The headers of Standard Webhooks, all three or none. */
export function standardOf(headers: Headers): StandardSignature | undefined {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(name =>
    header(headers, name),
  );
  return id === undefined || timestamp === undefined || signatures === undefined
    ? undefined
    : { id, timestamp, signatures };
}
