// Spreads moments by name, so that many things of one kind do not happen at once; the same on every run.

/** A number from 0 up to 1 that depends on the word alone: FNV-1a (RFC 9923), 32 bits, with a final mix. */
export function spread(word: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at += 1) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** `ms`, up to `part` more or less of it. */
export function around(ms: number, part: number, word: string): number {
  return ms * (1 - part + 2 * part * spread(word));
}
