// A journal in memory, which outlives the processes that write into it as a folder would.
import type { Intent } from '../../schema/journal.js';
import type { Journal } from '../../reconciler/ports.js';

export interface JournalEntry extends Intent {
  readonly at: number;
  readonly process: string;
  readonly endedAt?: number;
  readonly error?: string;
}

export interface FakeJournal extends Journal {
  /** Of all processes, oldest first; what was settled stays, closed. */
  readonly entries: JournalEntry[];
  /** Set: the disk is full, and this is thrown. */
  full?: Error;
}

interface Process {
  readonly entries?: JournalEntry[];
  readonly processName: string;
  runs(name: string): boolean;
}

/** `entries`: what other processes wrote before. */
export function createFakeJournal({ entries = [], processName, runs }: Process): FakeJournal {
  const close = (id: string, end: Pick<JournalEntry, 'endedAt' | 'error'>): void => {
    const at = entries.findIndex(one => one.id === id && one.endedAt === undefined);
    const entry = entries[at];
    if (entry !== undefined) entries[at] = { ...entry, ...end };
  };
  const isLeft = (one: JournalEntry): boolean =>
    one.endedAt === undefined && one.process !== processName && !runs(one.process);
  const journal: FakeJournal = {
    entries,
    begin: async (intent, at) => {
      if (journal.full !== undefined) throw journal.full;
      const again = entries.findIndex(one => one.id === intent.id && one.endedAt === undefined);
      entries.splice(again < 0 ? entries.length : again, 1, { ...intent, at, process: processName });
    },
    end: async (id, at, error) => {
      if (journal.full !== undefined) throw journal.full;
      close(id, { endedAt: at, ...(error === undefined ? {} : { error }) });
    },
    left: async () => entries.filter(isLeft),
    settle: async ids => {
      for (const one of entries.filter(isLeft)) if (ids.includes(one.id)) close(one.id, { endedAt: one.at });
    },
    close: async () => undefined,
  };
  return journal;
}
