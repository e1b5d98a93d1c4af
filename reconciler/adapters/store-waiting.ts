// Records of history that wait for the database: on disk, and in memory where the disk has no room either.
import type { HistoryRecord } from '../../schema/history.js';
import type { Clock, Log } from '../ports.js';
import type { Spool } from './store-spool.js';

export interface WaitingRoom {
  /** Never throws: the oldest go when they become too many. */
  keep(records: readonly HistoryRecord[]): Promise<void>;
  /** Tries the disk again for what waits in memory. */
  settle(): Promise<void>;
  /** Hands over all that waits, oldest first; what `take` throws ends it, and is thrown on. */
  drain(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void>;
  /** As `drain`, of samples, which wait apart. */
  drainSamples(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void>;
  /** Something may wait, samples aside. */
  occupied(): boolean;
  /** How many wait as far as is known, and how many had to go; samples aside. */
  count(): { readonly waiting: number; readonly inMemory: number; readonly dropped: number };
  /** Called as soon as nothing waits in memory, where a kill would lose it. */
  tellWhenSafe(kept: readonly (() => void)[]): void;
  /** Looks how many wait on disk from before. */
  look(): Promise<void>;
}

interface RoomOptions {
  readonly spool: Spool;
  readonly samples: Spool;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
}

/** So many wait in memory. */
const mostInMemory = 2000;

/** Not safe for calls at the same time: the writer makes them one after the other. */
export function openWaitingRoom({ spool, samples, clock, log, newId }: RoomOptions): WaitingRoom {
  /** Something may wait on disk. */
  let onDisk = true;
  let waiting = 0;
  let dropped = 0;
  let homeless: readonly HistoryRecord[] = [];
  const untold: (() => void)[] = [];

  function tellSafe(): void {
    if (homeless.length > 0) return;
    for (const kept of untold.splice(0)) kept();
  }

  async function toDisk(records: readonly HistoryRecord[]): Promise<void> {
    const gone = await spool.append(records);
    waiting += records.length - gone;
    if (gone === 0) return;
    dropped += gone;
    const text = `${gone} records of history were dropped: the database was away for too long`;
    log.warn({ dropped: gone }, 'records of history were dropped');
    const event = { id: newId(), at: clock.now(), kind: 'history.dropped', text, data: { dropped: gone } } as const;
    await spool.append([{ kind: 'event', event }]);
  }

  /** Where there is no room for them they are let go, and nobody is disturbed: the next look measures again. */
  async function keepSamples(records: readonly HistoryRecord[]): Promise<void> {
    if (records.length === 0) return;
    try {
      const gone = await samples.append(records);
      if (gone > 0) log.debug({ dropped: gone }, 'samples were dropped');
    } catch (err) {
      log.debug({ err, dropped: records.length }, 'samples were dropped');
    }
  }

  async function keep(records: readonly HistoryRecord[]): Promise<void> {
    const isSamples = ({ kind }: HistoryRecord): boolean => kind === 'samples';
    await keepDiary(records.filter(one => !isSamples(one)));
    await keepSamples(records.filter(isSamples));
  }

  /** Told once, not for each record. */
  async function keepDiary(records: readonly HistoryRecord[]): Promise<void> {
    const all = [...homeless, ...records];
    const known = homeless.length > 0;
    homeless = [];
    if (all.length === 0) return;
    onDisk = true;
    try {
      await toDisk(all);
      tellSafe();
    } catch (err) {
      homeless = all.slice(-mostInMemory);
      dropped += all.length - homeless.length;
      if (!known) log.error({ err }, 'history can be kept neither in the database nor on disk; it waits in memory');
    }
  }

  async function drain(take: (records: readonly HistoryRecord[]) => Promise<void>): Promise<void> {
    await spool.drain(take);
    if (homeless.length > 0) await take(homeless);
    homeless = [];
    onDisk = false;
    waiting = 0;
    tellSafe();
  }

  return {
    keep,
    settle: () => (homeless.length > 0 ? keepDiary([]) : Promise.resolve()),
    drain,
    drainSamples: take => samples.drain(take),
    occupied: () => onDisk || homeless.length > 0,
    count: () => ({ waiting: waiting + homeless.length, inMemory: homeless.length, dropped }),
    tellWhenSafe: kept => {
      untold.push(...kept);
      tellSafe();
    },
    look: async () => {
      waiting = await spool.waiting();
    },
  };
}
