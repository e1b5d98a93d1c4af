// Keeps one clone of a remote branch: made when missing, brought up to date, made anew when it breaks or grows too many packs.
import type { Log } from '../ports.js';
import {
  type Clone,
  clonedHead,
  cloneExists,
  fetchBranch,
  makeClone,
  openClone,
  packCount,
  packLimit,
  removeClone,
  verifyClone,
} from './git-clone.js';
import { hasCode } from './git-errors.js';
import { readMemory, remember } from './git-memory.js';
import type { GitTransport } from './git-transport.js';

export interface ClonePlace {
  readonly transport: GitTransport;
  /** Of this repository, within the state folder. */
  readonly folder: string;
  readonly branch: string;
  readonly remoteHead: () => Promise<string>;
  readonly log: Log;
}

export interface CloneKeeper {
  current(): Clone | undefined;
  /** The clone in use; made when there is none. Only within the repository's queue, as all that follow. */
  usable(): Promise<Clone>;
  /** Brings the branch here; answers its head. */
  bring(): Promise<string>;
  /** Another clone instead of this one. */
  replace(clone: Clone, why: unknown): Promise<Clone>;
}

export function keepClone(place: ClonePlace): CloneKeeper {
  const { transport, log, folder, branch, remoteHead } = place;
  const { shown } = transport;
  let inUse: Clone | undefined;

  /** The new one is complete before the old one goes, so that an outage in between loses nothing. */
  async function makeAnew(): Promise<Clone> {
    const old = inUse;
    // Says so when the branch is missing, which the library does not tell from other names that are.
    await remoteHead();
    const made = await makeClone(folder, transport, branch);
    await remember(folder, shown, { clone: made.name });
    inUse = made;
    if (old !== undefined) await removeClone(old);
    return made;
  }

  async function replace(clone: Clone, why: unknown): Promise<Clone> {
    if (inUse !== undefined && inUse !== clone) return inUse;
    const { clone: noted } = await readMemory(folder, shown);
    // Another process may have made it anew already.
    if (noted !== undefined && noted !== clone.name && (await cloneExists(folder, noted)))
      return (inUse = openClone(folder, noted));
    log.warn({ err: why, clone: clone.gitDir }, 'the clone is broken; it is made anew');
    return await makeAnew();
  }

  async function usable(): Promise<Clone> {
    if (inUse !== undefined) return inUse;
    const { clone: noted } = await readMemory(folder, shown);
    if (noted === undefined || !(await cloneExists(folder, noted))) return await makeAnew();
    const clone = openClone(folder, noted);
    inUse = clone;
    try {
      await verifyClone(clone, branch);
      return clone;
    } catch (error) {
      if (!hasCode(error, 'git-broken')) throw error;
      return await replace(clone, error);
    }
  }

  async function upToDate(clone: Clone, head: string): Promise<boolean> {
    if ((await clonedHead(clone, branch)) !== head) return false;
    await clone.trees.entries((await clone.history.commit(head)).tree);
    return true;
  }

  async function update(clone: Clone): Promise<string> {
    const head = await remoteHead();
    if (await upToDate(clone, head)) return head;
    const fetched = await fetchBranch(clone, transport, branch);
    if ((await packCount(clone)) <= packLimit) return fetched;
    try {
      return (await clonedHead(await makeAnew(), branch)) ?? fetched;
    } catch (error) {
      log.warn({ err: error }, 'the clone has many packs and could not be made anew; the old one goes on');
      return fetched;
    }
  }

  async function bring(): Promise<string> {
    const clone = await usable();
    try {
      return await update(clone);
    } catch (error) {
      const gone = hasCode(error, 'git-missing') && !(await cloneExists(folder, clone.name));
      if (!gone && !hasCode(error, 'git-broken')) throw error;
      return await update(await replace(clone, error));
    }
  }

  return { current: () => inUse, usable, bring, replace };
}
