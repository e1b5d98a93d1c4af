// Everything that one can follow: hears what the engine tells, and hands it on in a moment of its own.
import type { Engine } from '../../reconciler/engine.js';
import { type AppError, asAppError } from '../../schema/errors.js';
import type { Told } from '../../schema/live.js';
import type { Subscribe } from '../../schema/live-messages.js';
import type { Subscriber } from './connection.js';
import { followEvents } from './events.js';
import { openEventsFeed } from './events-feed.js';
import { followLog } from './logs.js';
import { openMeasured } from './measured.js';
import { openRuns } from './runs.js';
import { writeEvents, writeMasked } from './shared.js';
import { openStanding } from './standing.js';

export interface Feeds {
  /** Resolves when nothing more is to be read for it; throws why it cannot be followed. */
  follow(ask: Subscribe, to: Subscriber): Promise<void>;
  followMeasured(ask: { readonly machine?: string }, to: Subscriber): Promise<void>;
  close(): void;
}

export interface FeedsParts {
  readonly engine: Pick<Engine, 'perform' | 'listen' | 'redactor'>;
  readonly onFault: (error: AppError) => void;
  /** Told when something was handed on. */
  readonly onHanded: () => void;
}

/** What is told within so short a time leaves together; a pass that tells never waits for the writing. */
const gatherMs = 20;
const eventsLookMs = 2_000;
const eventsPatienceMs = 3_000;

const asApi = (name: string) => ({ name, by: 'api' }) as const;

/** Hands on what was told, a moment later; answers how to stop. */
function gather({ engine, onFault, onHanded }: FeedsParts, hand: (told: Told) => void): () => void {
  let gathered: Told[] = [];
  let timer: NodeJS.Timeout | undefined;
  const handAll = (): void => {
    const all = gathered;
    [gathered, timer] = [[], undefined];
    try {
      all.forEach(hand);
    } catch (thrown) {
      onFault(asAppError(thrown));
    }
    onHanded();
  };
  const stop = engine.listen(told => {
    gathered.push(told);
    timer ??= setTimeout(handAll, gatherMs).unref();
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}

export function openFeeds(parts: FeedsParts): Feeds {
  const { engine, onFault } = parts;
  const never = new AbortController().signal;
  const events = openEventsFeed({
    read: (after, limit) =>
      engine.perform('events', { limit, ...(after === undefined ? {} : { after }) }, asApi('portoser'), never),
    onFault,
    lookMs: eventsLookMs,
    patienceMs: eventsPatienceMs,
  });
  const write = writeMasked(engine.redactor);
  const writeEvent = writeEvents(write, engine.redactor);
  const runs = openRuns(write);
  const standing = openStanding(write);
  const measured = openMeasured(
    write,
    async ({ asker, signal }) => (await engine.perform('metrics', {}, asApi(asker.name), signal)).newest,
  );

  function hand(told: Told): void {
    switch (told.kind) {
      case 'event':
        return events.hear(told.event);
      case 'samples':
        return measured.hear(told.measurement);
      case 'transition':
      case 'controller':
        return standing.hear(told);
      case 'run':
      case 'ended':
      case 'write':
      case 'delivery':
      case 'audit':
        // Records for history: who follows was told on the way.
        return;
      default:
        return runs.hear(told);
    }
  }

  async function follow(ask: Subscribe, to: Subscriber): Promise<void> {
    switch (ask.topic) {
      case 'events': {
        const read = (wish: object & { readonly limit: number }) =>
          engine.perform('events', wish, asApi(to.asker.name), to.signal);
        return await followEvents(events, read, ask, to, { write, writeEvent });
      }
      case 'run':
      case 'deployment':
        return runs.follow(ask, to);
      case 'logs':
        await followLog(engine, ask, to, write);
        return to.end();
      case 'status':
        return standing.follow(to);
      default:
        return ask satisfies never;
    }
  }

  const stop = gather(parts, hand);
  return {
    follow,
    followMeasured: (ask, to) => measured.follow(ask, to),
    close: () => {
      stop();
      events.close();
    },
  };
}
