// What the journal's files are called, by the process that each is of, and whether that process still holds its own.
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isHeldOpen } from './state-lock.js';

export const journalName = (process: string): string =>
  `journal.${encodeURIComponent(process)}.${randomBytes(6).toString('hex')}.jsonl`;

/** The process that a file is of; `.new` is one that was being written anew. */
export function processOf(name: string): string | undefined {
  const process = /^journal\.(.+)\.[0-9a-f]{12}\.jsonl(?:\.new)?$/.exec(name)?.[1];
  return process === undefined ? undefined : decodeURIComponent(process);
}

function namesThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Whether a process that has begun something lives, though it may run where its pid says nothing: in another container. */
export const holdsJournal = (folder: string, process: string): boolean =>
  namesThere(folder).some(name => processOf(name) === process && isHeldOpen(join(folder, name)));
