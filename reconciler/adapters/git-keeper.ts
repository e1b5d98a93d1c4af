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

/** Everything but `current` is called within the repository's queue. */
export class CloneKeeper {
  readonly #place: ClonePlace;
  #inUse: Clone | undefined;

  constructor(place: ClonePlace) {
    this.#place = place;
  }

  current(): Clone | undefined {
    return this.#inUse;
  }

  /** The clone in use, checked when it is taken from disk; made when there is none. */
  async usable(): Promise<Clone> {
    if (this.#inUse !== undefined) return this.#inUse;
    const noted = await this.#noted();
    if (noted === undefined) return await this.#makeAnew();
    const clone = openClone(this.#place.folder, noted);
    this.#inUse = clone;
    try {
      await verifyClone(clone, this.#place.branch);
      return clone;
    } catch (error) {
      if (!hasCode(error, 'git-broken')) throw error;
      return await this.replace(clone, error);
    }
  }

  /** Brings the branch here; answers its head. */
  async bring(): Promise<string> {
    const clone = await this.usable();
    try {
      return await this.#update(clone);
    } catch (error) {
      if (!(await this.isBroken(clone, error))) throw error;
      return await this.#update(await this.replace(clone, error));
    }
  }

  /** A clone whose folder is gone misses everything. */
  async isBroken(clone: Clone, error: unknown): Promise<boolean> {
    if (hasCode(error, 'git-broken')) return true;
    return hasCode(error, 'git-missing') && !(await cloneExists(this.#place.folder, clone.name));
  }

  /** Another clone instead of this one. */
  async replace(clone: Clone, why: unknown): Promise<Clone> {
    if (this.#inUse !== undefined && this.#inUse !== clone) return this.#inUse;
    const noted = await this.#noted();
    // Another process may have made it anew already.
    if (noted !== undefined && noted !== clone.name) return (this.#inUse = openClone(this.#place.folder, noted));
    this.#place.log.warn({ err: why, clone: clone.gitDir }, 'the clone is broken; it is made anew');
    return await this.#makeAnew();
  }

  async #noted(): Promise<string | undefined> {
    const { folder, transport } = this.#place;
    const { clone } = await readMemory(folder, transport.shown);
    return clone !== undefined && (await cloneExists(folder, clone)) ? clone : undefined;
  }

  /** The new one is complete before the old one goes, so that an outage in between loses nothing. */
  async #makeAnew(): Promise<Clone> {
    const { folder, transport, branch, remoteHead } = this.#place;
    const old = this.#inUse;
    // Says so when the branch is missing, which the library does not tell from other names that are.
    await remoteHead();
    const made = await makeClone(folder, transport, branch);
    await remember(folder, transport.shown, { clone: made.name });
    this.#inUse = made;
    if (old !== undefined) await removeClone(old);
    return made;
  }

  async #update(clone: Clone): Promise<string> {
    const { transport, branch, remoteHead, log } = this.#place;
    const head = await remoteHead();
    if (await isUpToDate(clone, branch, head)) return head;
    const fetched = await fetchBranch(clone, transport, branch);
    log.debug({ commit: fetched, branch, address: transport.shown }, 'fetched the branch');
    return (await packCount(clone)) > packLimit ? await this.#packAnew(fetched) : fetched;
  }

  async #packAnew(fetched: string): Promise<string> {
    try {
      return (await clonedHead(await this.#makeAnew(), this.#place.branch)) ?? fetched;
    } catch (error) {
      this.#place.log.warn({ err: error }, 'the clone has many packs and could not be made anew; the old one goes on');
      return fetched;
    }
  }
}

/** Throws `git-broken` when the head is known but cannot be read. */
async function isUpToDate(clone: Clone, branch: string, head: string): Promise<boolean> {
  if ((await clonedHead(clone, branch)) !== head) return false;
  await clone.trees.entries((await clone.history.commit(head)).tree);
  return true;
}
