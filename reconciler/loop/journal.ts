// The one function that every write goes through: intent before, result after. In memory for now; the store will keep it.
import type { ErrorReport } from '../../schema/errors.js';
import { asAppError } from '../../schema/errors.js';
import type { Ports } from '../ports.js';

/** What is about to be written, where, and for what. */
export interface Intent {
  readonly id: string;
  readonly to: 'machine' | 'git' | 'state';
  /** Name of the machine, address of the repository, or name of the document. */
  readonly where: string;
  readonly what: string;
  readonly keys: readonly string[];
}

export interface JournalEntry extends Intent {
  readonly at: number;
  readonly endedAt?: number;
  readonly error?: ErrorReport;
}

/** Entries kept in memory, newest last. */
const kept = 1000;
const journals = new WeakMap<Ports, JournalEntry[]>();

export function journalOf(ports: Ports): readonly JournalEntry[] {
  return journals.get(ports) ?? [];
}

/** Writes by `write` and notes how it ended; what it throws is thrown on. */
export async function journal<T>(ports: Ports, intent: Intent, write: () => Promise<T>): Promise<T> {
  const entries = journals.get(ports) ?? [];
  journals.set(ports, entries);
  let entry: JournalEntry = { ...intent, at: ports.clock.now() };
  const put = (next: JournalEntry) => {
    const index = entries.indexOf(entry);
    if (index >= 0) entries[index] = next;
    entry = next;
  };
  entries.push(entry);
  if (entries.length > kept) entries.shift();
  ports.log.debug({ ...intent }, 'writing');
  try {
    const result = await write();
    put({ ...entry, endedAt: ports.clock.now() });
    return result;
  } catch (thrown) {
    put({ ...entry, endedAt: ports.clock.now(), error: asAppError(thrown).report() });
    throw thrown;
  }
}
