// Which secrets may stand in a text at all: by four letters of each, in one walk, however many secrets there are.

/** What every form of a secret holds as it is. */
export interface Anchored {
  readonly pattern: string;
  /** The longest row of letters and digits; shorter than four: it is always looked for. */
  readonly anchor: string;
}

const gramLength = 4;

const longestRun = (text: string, run: RegExp): string =>
  (text.match(run) ?? []).reduce((longest, one) => (one.length > longest.length ? one : longest), '');

export const anchorOf = (value: string): string => longestRun(value, /[a-z0-9]+/gi);
export const nameAnchorOf = (name: string): string => longestRun(name, /\w+/g);

const slotOf = (gram: number): number => (gram ^ (gram >>> 16)) & 0xffff;
const push = (gram: number, code: number): number => (gram << 8) | (code & 0xff);

function gramOf(anchor: string): number {
  let gram = 0;
  for (let at = 0; at < gramLength; at += 1) gram = push(gram, anchor.charCodeAt(at));
  return gram;
}

/** Answers those that may stand in a text, in their order. */
export function findAnchors<T extends Anchored>(all: readonly T[]): (text: string) => readonly T[] {
  const byGram = new Map<number, T[]>();
  // Most letters of a text belong to none: an array tells that quicker than a map.
  const slots = new Uint8Array(0x10000);
  const always = all.filter(one => one.anchor.length < gramLength);
  for (const one of all) {
    if (one.anchor.length < gramLength) continue;
    const gram = gramOf(one.anchor);
    slots[slotOf(gram)] = 1;
    byGram.set(gram, [...(byGram.get(gram) ?? []), one]);
  }
  return text => {
    const found = new Set(always);
    let gram = 0;
    for (let at = 0; at < text.length; at += 1) {
      gram = push(gram, text.charCodeAt(at));
      if (slots[slotOf(gram)] === 0) continue;
      for (const one of byGram.get(gram) ?? []) found.add(one);
    }
    return found.size === 0 ? [] : all.filter(one => found.has(one));
  };
}
