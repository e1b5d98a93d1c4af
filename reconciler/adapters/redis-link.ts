// One connection to a Redis (ioredis) that may be away or silent: every question has a deadline, and it comes back by itself, ever later.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChainableCommander, Redis } from 'ioredis';

export interface RedisLink {
  /** Undefined: it is away, or has not answered in time. */
  ask<T>(question: (redis: Redis) => Promise<T>): Promise<T | undefined>;
  /** Several at once; undefined for each that failed. */
  pipeline(fill: (commands: ChainableCommander) => void): Promise<readonly unknown[] | undefined>;
  /** Resolves when it is up, or is known to be away. */
  tried(): Promise<void>;
  isUp(): boolean;
  /** Why not; also why it refused what was asked of it last, while it is up. */
  why(): string | undefined;
  close(): Promise<void>;
}

export interface RedisLinkOptions {
  readonly url: string;
  /** For an answer, and for a connection. */
  readonly deadlineMs: number;
  readonly firstRetryMs: number;
  readonly mostRetryMs: number;
  /** Told each time it comes up. */
  readonly onUp?: (redis: Redis) => void;
  /** Told when it comes up and when it goes away. */
  readonly onTurn?: () => void;
  readonly onMessage?: (text: string) => void;
}

/** A connection whose other end hangs says nothing; this finds out. */
const beatMs = 5_000;

function wordsOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  const parts = error instanceof AggregateError ? error.errors.map(one => (one as Error).message).join('; ') : '';
  return message || parts || code || 'no answer';
}

/** Connects at once. Nothing of it throws. */
export function openRedisLink(options: RedisLinkOptions): RedisLink {
  const { deadlineMs, firstRetryMs, mostRetryMs } = options;
  const redis = new Redis(options.url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: deadlineMs,
    commandTimeout: 2 * deadlineMs, // of what it says to itself while it connects; ours are given up before
    autoResubscribe: false,
    connectionName: 'portoser',
    retryStrategy: times => Math.min(mostRetryMs, firstRetryMs * 2 ** Math.min(times - 1, 20)),
  });
  let fault: string | undefined;
  let settle = (): void => undefined;
  const settled = new Promise<void>(resolve => (settle = resolve));
  let up = false;

  function turn(next: boolean, why?: string): void {
    const before = fault !== undefined;
    up = next;
    fault = next ? undefined : (why ?? fault ?? 'the connection was closed');
    settle();
    if (before !== (fault !== undefined)) options.onTurn?.();
  }
  /** It is up, and does not do what it is asked: no right to, no memory. */
  function refuse(why: string | undefined): void {
    if (!up || fault === why) return;
    fault = why;
    options.onTurn?.();
  }
  redis.on('error', (error: unknown) => turn(false, wordsOf(error)));
  redis.on('close', () => turn(false));
  redis.on('ready', () => {
    turn(true);
    options.onUp?.(redis);
  });
  redis.on('message', (_: string, text: string) => options.onMessage?.(text));
  void redis.connect().catch((error: unknown) => turn(false, wordsOf(error)));

  async function ask<T>(question: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    if (!up) return undefined;
    const answered = new AbortController();
    const late = sleep(deadlineMs, undefined, { signal: answered.signal, ref: false }).catch(() => undefined);
    try {
      const found = await Promise.race([question(redis).then(answer => ({ answer })), late]);
      if (found !== undefined) return found.answer;
      turn(false, `it has not answered within ${deadlineMs / 1000} s`);
      redis.disconnect(true);
    } catch (error) {
      refuse(wordsOf(error));
    } finally {
      answered.abort();
    }
    return undefined;
  }

  const beat = setInterval(() => void ask(one => one.ping()), beatMs).unref();
  return {
    ask,
    pipeline: async fill => {
      const results = await ask(async one => {
        const commands = one.pipeline();
        fill(commands);
        return await commands.exec();
      });
      const wrong = results?.find(([error]) => error !== null)?.[0];
      if (results !== undefined) refuse(wrong ? wordsOf(wrong) : undefined);
      return results?.map(([error, value]) => (error === null ? value : undefined));
    },
    tried: () => settled,
    isUp: () => up,
    why: () => fault,
    close: async () => {
      clearInterval(beat);
      await ask(one => one.quit());
      redis.disconnect();
      settle();
    },
  };
}
