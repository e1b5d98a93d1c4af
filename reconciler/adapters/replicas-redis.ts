// Controllers of one fleet that share a Redis: shelves as hashes, and what happens over a channel. While it is away each is alone.
import type { ChainableCommander, Redis } from 'ioredis';
import type { Told } from '../../schema/live.js';
import { concernsOthers, type ReplicasState } from '../../schema/replicas.js';
import type { Clock, Log, Replicas } from '../ports.js';
import type { RedisLink, RedisLinkOptions } from './redis-link.js';
import { type Kept, openShelves, type Shelves, valuesOf } from './shelves.js';

export interface RedisReplicasOptions {
  readonly url: string;
  /** Those of one fleet say the same here; others in the same Redis something else. */
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  readonly deadlineMs?: number;
  readonly firstRetryMs?: number;
}

const usualDeadlineMs = 1_000;
const usualRetryMs = 250;
const mostRetryMs = 30_000;
/** What waits longer for its turn is told to nobody: it would come out of its time. */
const freshMs = 5_000;
/** A shelf that nobody puts anything on goes away, whatever its parts say. */
const dayMs = 24 * 3_600_000;
const mostWaiting = 2_000;
/** More in one message is nothing that somebody looks at. */
const longestText = 1024 * 1024;

interface Waiting {
  readonly at: number;
  /** How many commands it is; what was told is one, and counts those who heard it. */
  readonly commands: number;
  readonly fill: (commands: ChainableCommander) => void;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever else writes to that Redis; what nobody can read is not there.
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function keptIn(text: string): Kept | undefined {
  const read = readJson(text);
  if (!isObject(read) || typeof read['at'] !== 'number' || typeof read['until'] !== 'number') return undefined;
  return { value: read['value'], at: read['at'], until: read['until'] };
}

/** Loads its client with the first thing that is told or asked. */
export function openRedisReplicas(options: RedisReplicasOptions): Replicas {
  const { clock, log, deadlineMs = usualDeadlineMs } = options;
  const prefix = `portoser:${options.scope}`;
  const channel = `${prefix}:told`;
  const me = options.newId();
  const own: Shelves = openShelves(() => clock.now());
  const followers = new Set<(told: Told) => void>();
  const waiting: Waiting[] = [];
  let speaking: Promise<RedisLink> | undefined;
  let hearing: Promise<RedisLink> | undefined;
  let sending: Promise<void> | undefined;
  let link: RedisLink | undefined;
  /** Who heard what was told last, beside this process; not known before. */
  let heardBy = 1;
  let warned: string | undefined;
  let closed = false;

  function turned(): void {
    if (closed) return;
    const why = link?.why();
    if (why !== undefined && warned === undefined) log.warn({ reason: why }, 'Redis not reached');
    if (why === undefined && warned !== undefined) log.info({}, 'Redis reached again');
    warned = why;
  }

  async function open(more: Partial<RedisLinkOptions>): Promise<RedisLink> {
    const { url, firstRetryMs = usualRetryMs } = options;
    try {
      const { openRedisLink } = await import('./redis-link.js');
      return openRedisLink({ url, deadlineMs, firstRetryMs, mostRetryMs, ...more });
    } catch (thrown) {
      // What is said of an address that cannot be read may repeat all of it, with the password.
      return neverUp(`it cannot be used (${(thrown as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
  }

  async function speakNow(): Promise<RedisLink> {
    link = await open({ onTurn: turned, onUp: () => void pump() });
    turned();
    return link;
  }

  const speak = (): Promise<RedisLink> => (speaking ??= speakNow());

  function subscribe(redis: Redis): void {
    redis.subscribe(channel).catch((thrown: Error) => log.debug({ reason: thrown.message }, 'not subscribed'));
  }

  function heard(text: string): void {
    const message = text.length > longestText ? undefined : readJson(text);
    if (!isObject(message) || message['from'] === me || !isObject(message['told'])) return;
    const told = message['told'] as unknown as Told;
    if (concernsOthers(told)) followers.forEach(follower => follower(told));
  }

  /** One batch after the other: where it hangs, what is told meanwhile waits here, and not in its connection. */
  async function sendAll(): Promise<void> {
    const to = await speak();
    await to.tried();
    while (to.isUp() && waiting.length > 0) {
      const oldest = clock.now() - freshMs;
      const batch = waiting.splice(0).filter(one => one.at >= oldest);
      const answers = await to.pipeline(commands => batch.forEach(one => one.fill(commands)));
      let index = 0;
      for (const { commands } of batch) {
        const count = answers?.[index];
        index += commands;
        if (commands === 1 && typeof count === 'number') heardBy = count - (hearing === undefined ? 0 : 1);
      }
    }
  }

  const pump = (): Promise<void> => (sending ??= sendAll().finally(() => (sending = undefined)));

  function send(commands: number, fill: Waiting['fill']): void {
    if (closed || (link?.isUp() === false && link.why() !== undefined)) return;
    waiting.push({ at: clock.now(), commands, fill });
    if (waiting.length > mostWaiting) waiting.shift();
    void pump();
  }

  /** What is told without a pause is not waited for to its end. */
  async function sentSoon(): Promise<void> {
    const over = new AbortController();
    const late = clock.sleep(deadlineMs, over.signal).catch(() => undefined);
    await Promise.race([sending, late]);
    over.abort();
  }

  async function shared(shelf: string): Promise<ReadonlyMap<string, Kept>> {
    const to = await speak();
    await to.tried();
    await sentSoon();
    const found = await to.ask(redis => redis.hgetall(`${prefix}:${shelf}`));
    const kept = Object.entries(found ?? {}).flatMap(([key, text]) => {
      const one = keptIn(text);
      return one === undefined || one.until <= clock.now() ? [] : [[key, one] as const];
    });
    return new Map(kept);
  }

  function state(): ReplicasState {
    if (link === undefined) return { state: 'starting' };
    const why = link.why();
    if (why !== undefined) return { state: 'away', why };
    return { state: link.isUp() ? 'shared' : 'starting' };
  }

  return {
    put: (shelf, key, value, keepMs) => {
      const at = clock.now();
      const kept = { value, at, until: at + keepMs };
      own.put(shelf, key, kept);
      const hash = `${prefix}:${shelf}`;
      const text = JSON.stringify(kept);
      send(2, commands => commands.hset(hash, key, text).pexpire(hash, Math.max(keepMs, dayMs)));
    },
    all: async shelf => {
      const found = new Map(await shared(shelf));
      for (const [key, one] of own.all(shelf)) if ((found.get(key)?.at ?? -Infinity) <= one.at) found.set(key, one);
      return valuesOf(found);
    },
    tell: told => {
      if (!concernsOthers(told)) return;
      const text = JSON.stringify({ from: me, told });
      if (text.length <= longestText) send(1, commands => commands.publish(channel, text));
    },
    follow: follower => {
      followers.add(follower);
      hearing ??= open({ onUp: subscribe, onMessage: heard });
      return () => followers.delete(follower);
    },
    followed: () => heardBy > 0 && state().state !== 'away',
    state,
    close: async () => {
      closed = true;
      followers.clear();
      // What a command told last is told before it ends, within the deadline.
      await sending;
      await Promise.all([speaking, hearing].map(async opened => (await opened)?.close()));
    },
  };
}

const nothing = async (): Promise<undefined> => undefined;

const neverUp = (why: string): RedisLink => ({
  ask: nothing,
  pipeline: nothing,
  tried: nothing,
  isUp: () => false,
  why: () => why,
  close: nothing,
});
