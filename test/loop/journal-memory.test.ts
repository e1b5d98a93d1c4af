// The journal in memory that other tests use keeps the contract of the real one.
import { createFakeJournal, type JournalEntry } from '../fakes/journal.js';
import { journalContract } from '../contracts/journal.js';

journalContract('in memory', async () => {
  const entries: JournalEntry[] = [];
  const running = new Set<string>();
  return {
    open: processName => {
      running.add(processName);
      return createFakeJournal({ entries, processName, runs: name => running.has(name) });
    },
    kill: process => void running.delete(process),
  };
});
