// What the three forges have in common: reading answers with suspicion, and keeping the one comment that is ours.
import { AppError } from '../../schema/errors.js';
import type { PullRequest } from '../../schema/forge.js';
import { isOid } from './git-objects.js';

const odd = (path: string): AppError =>
  new AppError('forge-unreachable', `an answer of the forge has no usable ${path}`, { details: { path } });

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('.'))
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined;
  return found;
}

/** Throws `forge-unreachable` for what the API does not promise. */
export function textAt(value: unknown, path: string): string {
  const found = at(value, path);
  if (typeof found !== 'string') throw odd(path);
  return found;
}

export function numberAt(value: unknown, path: string): number {
  const found = at(value, path);
  if (typeof found !== 'number' || !Number.isSafeInteger(found)) throw odd(path);
  return found;
}

export const has = (value: unknown, path: string): boolean => at(value, path) !== undefined && at(value, path) !== null;

/** A commit id becomes part of addresses and is looked up in git: it is nothing else. */
export function commitAt(value: unknown, path: string): string {
  const found = textAt(value, path);
  if (!isOid(found)) throw odd(path);
  return found;
}

export const byNumber = (pulls: readonly PullRequest[]): readonly PullRequest[] =>
  pulls.toSorted((one, other) => one.number - other.number);

/** Each part of `owner/name` by itself. */
export const encoded = (repository: string): string => repository.split('/').map(encodeURIComponent).join('/');

export interface SeenComment {
  readonly id: number;
  readonly body: string;
  /** By the user of our token. */
  readonly ours: boolean;
}

export interface Comments {
  list(): Promise<readonly SeenComment[]>;
  create(body: string): Promise<void>;
  update(id: number, body: string): Promise<void>;
}

/**
 * Somebody else's comment with our marker is not ours: they could write what they like there later. When two of ours have
 * it (an answer got lost), the older one is kept up to date.
 */
export async function keepComment(
  comments: Comments,
  marker: string,
  write: (before: string | undefined) => string,
): Promise<void> {
  const own = (await comments.list()).filter(one => one.ours && one.body.includes(marker));
  const first = own.toSorted((one, other) => one.id - other.id)[0];
  const body = write(first?.body);
  if (first === undefined) await comments.create(body);
  else if (first.body.replaceAll('\r\n', '\n').trim() !== body.trim()) await comments.update(first.id, body);
}

/** Asked once; a forge that could not answer is asked again. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return async () => {
    known ??= work();
    try {
      return await known;
    } catch (error) {
      known = undefined;
      throw error;
    }
  };
}
