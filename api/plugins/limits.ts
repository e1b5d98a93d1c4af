// How often one may ask: wrong tokens by address, requests by token. What is over it waits, and is told how long.
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { AppError } from '../../schema/errors.js';

export interface Rate {
  /** So many at once. */
  readonly burst: number;
  readonly perMinute: number;
}

export interface LimitOptions {
  readonly wrongTokens?: Rate;
  readonly requests?: Rate;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
}

export interface Limits {
  /** Before a token is looked up. Throws `too-many-requests`; one that was let in before still is: others come by that address too. */
  mayTry(address: string, token: string): void;
  wrong(address: string): void;
  /** `token`: absent where none is needed. Throws `too-many-requests`. */
  letIn(asker: string, token?: string): void;
}

/** So many are remembered; the oldest are forgotten, which costs those nothing but a fresh start. */
const mostKnown = 10_000;

/** A network of IPv6 is one place: whoever has an address there has 2^64 of them (RFC 6177). */
export function placeOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const front = head.split(':').filter(Boolean);
  const back = tail?.split(':').filter(Boolean) ?? [];
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  return [...front, ...zeros, ...back].slice(0, 4).join(':');
}

interface Bucket {
  readonly left: number;
  readonly at: number;
}

/** A bucket for each name, filled up as time goes by. */
function createBuckets({ burst, perMinute }: Rate, now: () => number) {
  const buckets = new Map<string, Bucket>();
  const leftOf = (name: string): number => {
    const known = buckets.get(name);
    return known === undefined ? burst : Math.min(burst, known.left + ((now() - known.at) * perMinute) / 60_000);
  };
  return {
    /** Seconds until there is something left; 0: there is. */
    waitSeconds: (name: string): number => Math.max(0, Math.ceil(((1 - leftOf(name)) * 60) / perMinute)),
    take: (name: string): void => {
      const left = leftOf(name) - 1;
      buckets.delete(name);
      buckets.set(name, { left, at: now() });
      const [oldest] = buckets.size > mostKnown ? buckets.keys() : [];
      if (oldest !== undefined) buckets.delete(oldest);
    },
  };
}

const tooMany = (what: string, retryAfterSeconds: number): AppError =>
  new AppError('too-many-requests', `${what}; ask again in ${retryAfterSeconds} s`, { details: { retryAfterSeconds } });

const markOf = (token: string): string => createHash('sha256').update(token).digest('base64');

export function createLimits(options: LimitOptions = {}): Limits {
  const { wrongTokens = { burst: 20, perMinute: 10 }, requests = { burst: 240, perMinute: 1200 } } = options;
  const { now = () => performance.now() } = options;
  const wrong = createBuckets(wrongTokens, now);
  const asked = createBuckets(requests, now);
  const known = new Set<string>();
  function remember(mark: string): void {
    known.add(mark);
    const [oldest] = known.size > mostKnown ? known : [];
    if (oldest !== undefined) known.delete(oldest);
  }
  return {
    mayTry: (address, token) => {
      const waitSeconds = wrong.waitSeconds(placeOf(address));
      if (waitSeconds > 0 && !known.has(markOf(token)))
        throw tooMany('too many wrong tokens came from this address', waitSeconds);
    },
    wrong: address => wrong.take(placeOf(address)),
    letIn: (asker, token) => {
      if (token !== undefined) remember(markOf(token));
      const waitSeconds = asked.waitSeconds(asker);
      if (waitSeconds > 0) throw tooMany('too many requests came with this token', waitSeconds);
      asked.take(asker);
    },
  };
}
